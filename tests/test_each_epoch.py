"""What is called after each epoch of training."""

from helpers.training import EachEpoch


def test_the_function_gets_the_model_after_each_epoch():
    seen = []
    callback = EachEpoch(seen.append)
    for model in ("first", "second"):
        callback.on_epoch_end(None, None, None, model=model)
    assert seen == ["first", "second"]

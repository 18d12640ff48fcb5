"""MLM text from several corpora, tokenised at once or streamed.

The corpora are made up here and laid out by hub id.
"""

import pytest
import torch
from datasets import Dataset, IterableDataset, config
from transformers import TrainerCallback

from helpers import data, pocket, profiles, training
from helpers.lab import experiment, runs

ENCYCLOPEDIA, BOOKS = "someone/encyclopedia", "someone/books"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """An encyclopedia in four files with a configuration; books in two, a sentence a document."""
    folder = tmp_path_factory.mktemp("hub")
    passages = [" ".join(passage) for passage in pocket.passages(6_000, seed="corpora")]
    articles = [" ".join(passages[i : i + 3]) for i in range(0, 3_000, 3)]
    for name, subset, texts, files in (
        (ENCYCLOPEDIA, "today.en", articles, 4),
        (BOOKS, "", passages[3_000:], 2),
    ):
        for number in range(files):
            part = folder / name / subset / f"train-{number:05}-of-{files:05}.parquet"
            part.parent.mkdir(parents=True, exist_ok=True)
            Dataset.from_dict(
                {
                    "id": [str(i) for i in range(len(texts[number::files]))],
                    "text": texts[number::files],
                }
            ).to_parquet(part)
        path = f"{subset}/train-*.parquet" if subset else "train-*.parquet"
        configs = (
            f"configs:\n- config_name: {subset or 'default'}\n  data_files:\n  - split: train\n"
            f"    path: {path}"
        )
        (folder / name / "README.md").write_text(f"---\n{configs}\n---\n")
    return folder


@pytest.fixture
def both(micro, hub, monkeypatch):
    """The smallest profile on both corpora, three quarters of the text from the encyclopedia."""
    monkeypatch.setenv("HUB_MIRROR", str(hub))
    monkeypatch.setattr(
        config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0, raising=False
    )  # else each stream waits 5 s for its end
    data.load_text.cache_clear()
    text = ((ENCYCLOPEDIA, "today.en", 3), (BOOKS, None, 1))
    yield micro.replace(pretraining={"text": text, "max_length": 16, "text_rows": None, "batch": 8})
    data.load_text.cache_clear()


def streamed(profile, **changes):
    return profile.replace(pretraining={"text_streaming": True} | changes)


def words(rows):
    """Blocks of token ids without the special tokens."""
    return [tuple(row["input_ids"][1:-1]) for row in rows]


def documents(profile, split):
    """The texts behind a split of each corpus, in the order in which they are read."""
    return [
        [row["text"] for row in data._corpus(*corpus, split, profile.pretraining.text_streaming)]
        for corpus, _ in profile.pretraining.corpora
    ]


def test_shares_are_the_ones_asked_for_or_equal():
    paper, tiny = profiles.get("paper"), profiles.get("tiny")
    assert tiny.pretraining.corpora == [(("pocket", None), 1)] and profiles.get(
        "small"
    ).pretraining.corpora[0][0] == ("Salesforce/wikitext", "wikitext-103-raw-v1")
    assert [share for _, share in paper.pretraining.corpora] == pytest.approx(
        [2500 / 3300, 800 / 3300]
    )
    assert [
        share
        for _, share in paper.replace(
            pretraining={"text": (("a", None), ("b", "c"))}
        ).pretraining.corpora
    ] == [0.5, 0.5]
    for wrong in ((), ("a", "b"), (("a",),)):
        with pytest.raises(
            ValueError, match=r"text must be a hub id or a tuple of \(hub id, config\)"
        ):
            assert paper.replace(pretraining={"text": wrong}).pretraining.corpora is None


def test_all_text_of_all_corpora_is_used(both):
    text = data.load_text(both)
    tokenizer = data.load_tokenizer(both.model)
    used = {token for block in words(text) for token in block}
    tokens = [
        len(tokenizer(doc, add_special_tokens=False)["input_ids"])
        for docs in documents(both, "train")
        for doc in docs
    ]
    assert 0.98 < len(text) * 14 / sum(tokens) <= 1  # all but the ends of what is packed together
    assert len(used) > 400 and all(len(row) == 14 for row in words(text))


def test_capped_text_keeps_the_shares(both):
    text = data.load_text(both.replace(pretraining={"text_rows": 400}))
    whole = data.load_text(both)
    alone = data.load_text(both.replace(pretraining={"text": ((BOOKS, None),)}))
    assert len(text) == 400
    assert words(text)[:300] == words(whole)[:300] and words(text)[300:] == words(alone)[:100]


def test_a_stream_mixes_the_corpora_by_their_shares(both):
    text = data.load_text(streamed(both))
    assert isinstance(text, IterableDataset)
    alone = [
        set(words(data.load_text(streamed(both, text=(corpus,))).take(4_000)))
        for corpus in both.pretraining.text
    ]
    first = words(text.take(400))
    assert all(block in alone[0] or block in alone[1] for block in first)
    assert sum(block in alone[0] for block in first) / 400 == pytest.approx(0.75, abs=0.07)
    assert words(text.take(400)) == first
    assert words(data.load_text(streamed(both, text_rows=50))) == first[:50]


@pytest.mark.parametrize("streaming", [False, True])
def test_held_out_documents_are_in_no_training_text(both, streaming):
    profile = both.replace(pretraining={"text_streaming": streaming})
    for train, held_out, whole in zip(
        documents(profile, "train"), documents(profile, "validation"), (1_000, 3_000)
    ):
        assert 0.003 < len(held_out) / whole < 0.02 and len(train) + len(held_out) == whole
        if streaming:  # of equal sentences all are on the same side
            assert not set(train) & set(held_out)
    validation = data.load_text(profile, "validation")
    assert isinstance(validation, Dataset) and 20 < len(validation) <= 2_000


def test_held_out_is_the_same_in_any_order(both, hub):
    """The files may come in another order: a document stays where it is."""
    profile = streamed(both)
    for corpus, _ in profile.pretraining.corpora:
        parts = [data._corpus(*corpus, split, True) for split in ("train", "validation")]
        for seed in (0, 1):
            train, held_out = (
                {row["text"] for row in part.shuffle(seed=seed, buffer_size=50)} for part in parts
            )
            assert not train & held_out
            assert held_out == {row["text"] for row in parts[1]}


def test_a_corpus_with_a_validation_split_keeps_it(both, hub, tmp_path, monkeypatch):
    for split in ("train", "validation"):
        (tmp_path / "a" / "b").mkdir(parents=True, exist_ok=True)
        Dataset.from_dict({"text": [f"the fox of {split} eats the pie ."] * 40}).to_parquet(
            tmp_path / "a" / "b" / f"{split}.parquet"
        )
    monkeypatch.setenv("HUB_MIRROR", str(tmp_path))
    for streaming in (False, True):
        profile = both.replace(pretraining={"text": "a/b", "text_streaming": streaming})
        assert documents(profile, "validation") == [["the fox of validation eats the pie ."] * 40]
        assert documents(profile, "train") == [["the fox of train eats the pie ."] * 40]


def test_a_corpus_that_is_not_there_is_named(both):
    for streaming in (False, True):
        with pytest.raises(FileNotFoundError, match=r"someone/nothing \(en\).*HUB_MIRROR"):
            data.load_text(
                both.replace(
                    pretraining={
                        "text": ((BOOKS, None), ("someone/nothing", "en")),
                        "text_streaming": streaming,
                    }
                )
            )


def test_a_corpus_too_small_to_hold_out_a_block(both, tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    Dataset.from_dict({"text": ["the fox eats the pie ."] * 20}).to_parquet(
        tmp_path / "a" / "b" / "train.parquet"
    )
    monkeypatch.setenv("HUB_MIRROR", str(tmp_path))
    with pytest.raises(
        ValueError, match="validation text of .*a/b.*does not fill one block of 16 tokens"
    ):
        data.load_text(
            both.replace(pretraining={"text": "a/b", "text_streaming": True}), "validation"
        )


class Watch(TrainerCallback):
    """Interrupt at a step."""

    def __init__(self, stop):
        self.stop = stop

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.stop:
            raise KeyboardInterrupt


@pytest.mark.parametrize("rows", [None, 30])  # 30 rows are read more than once
def test_streamed_training_resumes_bit_for_bit(both, tmp_path, rows):
    profile = streamed(both, text_rows=rows)
    tokenizer = data.load_tokenizer(profile.model)

    def train(folder, callbacks=(), seed=1):
        model = training.load_mlm(profile.model)
        training.train_mlm(
            model,
            tokenizer,
            data.load_text(profile),
            steps=12,
            batch_size=8,
            learning_rate=1e-3,
            seed=seed,
            output_dir=tmp_path / folder,
            checkpoint_every=5,
            callbacks=callbacks,
            pruning=training.MagnitudePruning(0.5, end=6),
        )
        return model.state_dict()

    whole = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("cut", [Watch(7)])
    resumed = train("cut")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    other = train("other", seed=2)
    assert not all(torch.equal(whole[name], other[name]) for name in whole)


def test_seeds_see_streamed_text_in_other_orders(both, tmp_path, monkeypatch):
    seen = []
    collate = training.RepeatableMasking.torch_call
    monkeypatch.setattr(
        training.RepeatableMasking,
        "torch_call",
        lambda self, rows: (
            seen.append([tuple(r["input_ids"]) for r in rows]),
            collate(self, rows),
        )[1],
    )
    tokenizer = data.load_tokenizer(both.model)
    batches = {}
    for seed in (0, 1):
        seen.clear()
        training.train_mlm(
            training.load_mlm(both.model),
            tokenizer,
            data.load_text(streamed(both)),
            steps=3,
            batch_size=8,
            learning_rate=1e-3,
            seed=seed,
            output_dir=tmp_path,
        )
        batches[seed] = [row for batch in seen[:3] for row in batch]
    assert batches[0] != batches[1] and len(set(batches[0])) == 24


def test_a_streamed_run_is_another_run_and_gives_rows(both, tmp_path):
    profile = streamed(both)
    keys = {runs.Run("prune_pretrain", "cola", 0.5, profile=p).key for p in (both, profile)}
    assert len(keys) == 2
    rows = experiment.measure(runs.Run("prune_pretrain", "cola", 0.5, profile=profile), tmp_path)
    assert {"accuracy", "mlm_loss", "train_loss"} <= set(rows.metric)


def test_another_split_than_the_two_is_refused(both):
    with pytest.raises(ValueError, match="must be train or validation, got 'test'"):
        data.load_text(both, "test")

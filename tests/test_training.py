import logging

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import save_file
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from transformers import (
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    BertModel,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
)
from transformers.utils import logging as transformers_logging

from helpers import pruning, training
from helpers.training import (
    MagnitudePruning,
    MLMTrainer,
    RepeatableMasking,
    fine_tune,
    load_mlm,
    train_mlm,
)

STEPS = 12  # two epochs of the 48 lines in batches of 8
NO_DROPOUT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
QUERY = "encoder.layer.0.attention.self.query.weight"


class At(TrainerCallback):
    """Do something at the beginning of a step."""

    def __init__(self, step, action):
        self.step, self.action = step, action

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            self.action()


def interrupt():
    raise KeyboardInterrupt


@pytest.fixture
def train(make, tokenizer, text, tmp_path):
    """Train a small MLM with a callback; returns the Trainer."""

    def run(callback, model=None, steps=STEPS, folder="out", **options):
        return train_mlm(
            model or make(BertForMaskedLM),
            tokenizer,
            text,
            steps=steps,
            batch_size=8,
            learning_rate=5e-3,
            warmup_steps=2,
            pruning=callback,
            output_dir=tmp_path / folder,
            **options,
        )

    return run


@pytest.fixture
def masked_text(tokenizer, text):
    """The same lines, masked once and for all, so that every trainer sees the same batches."""
    torch.manual_seed(0)
    batch = DataCollatorForLanguageModeling(tokenizer)([dict(row) for row in text])
    return [{key: value[i] for key, value in batch.items()} for i in range(len(text))]


def gradual(**changes):
    return MagnitudePruning(**(dict(sparsity=0.6, begin=1, end=8, frequency=3) | changes))


def fixed(model, sparsity=0.5):
    return MagnitudePruning(
        masks=pruning.random_masks(model, sparsity, torch.Generator().manual_seed(3))
    )


def arguments(folder, **options):
    """For a plain Trainer: one step is a batch of 8, nothing saved, nothing shown."""
    quiet = dict(
        save_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False
    )
    return TrainingArguments(
        folder, **(dict(max_steps=STEPS, per_device_train_batch_size=8) | quiet | options)
    )


def same_weights(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# What comes out


@pytest.mark.parametrize("scope", pruning.SCOPES)
def test_final_sparsity_is_exact(train, scope):
    callback = gradual(scope=scope)
    model = train(callback).model
    report = pruning.sparsity_report(model)
    parts = report.drop("total") if scope == "matrix" else report.loc[["total"]]
    assert parts.zeros.tolist() == [round(n * 0.6) for n in parts.entries]
    assert all(
        torch.equal(weight != 0, callback.masks[name])
        for name, weight in pruning.prunable_parameters(model).items()
    )


def test_checkpoint_is_an_ordinary_one_with_zeros(train, tmp_path):
    model = train(gradual(), checkpoint_every=STEPS).model
    loaded = BertForMaskedLM.from_pretrained(tmp_path / "out" / f"checkpoint-{STEPS}")
    assert same_weights(model, loaded)
    report = pruning.sparsity_report(loaded)
    assert report.zeros.tolist()[:-1] == [round(n * 0.6) for n in report.entries][:-1]
    assert torch.equal(
        loaded.cls.predictions.decoder.weight, loaded.bert.embeddings.word_embeddings.weight
    )


def test_sparsity_follows_the_schedule(train):
    callback = gradual()
    train(callback)
    steps = [1, 4, 7, 8, 10]
    assert [step for step, _ in callback.history] == steps
    expected = [0.6 - 0.6 * (1 - min(1, (step - 1) / 7)) ** 3 for step in steps]
    assert [sparsity for _, sparsity in callback.history] == pytest.approx(expected)


def test_one_shot_prunes_before_the_first_step(train, make):
    model = make(BertForMaskedLM)
    expected = pruning.magnitude_masks(model, 0.5)
    zeros = []
    watch = At(
        0,
        lambda: zeros.append(
            {name: weight == 0 for name, weight in pruning.prunable_parameters(model).items()}
        ),
    )
    train(MagnitudePruning(0.5), model, callbacks=[watch])
    assert all(torch.equal(zeros[0][name], ~mask) for name, mask in expected.items())


# What happens inside


def test_training_is_that_of_a_plain_loop_with_masked_weights(make, masked_text, tmp_path):
    """Forward with mask × weight, AdamW on all of the weight, masks from all of the weight."""
    rate, every, end, final = 5e-3, 3, 6, 0.6
    model, reference = make(BertForMaskedLM, **NO_DROPOUT), make(BertForMaskedLM, **NO_DROPOUT)
    batches = []

    def collate(rows):
        batches.append(default_data_collator(rows))
        return dict(batches[-1])

    options = arguments(
        tmp_path, learning_rate=rate, weight_decay=0.1, max_grad_norm=0, lr_scheduler_type="linear"
    )
    callback = MagnitudePruning(final, end=end, frequency=every)
    trainer = Trainer(
        model, options, data_collator=collate, train_dataset=masked_text, callbacks=[callback]
    )
    trainer.train()

    dense = {
        name: weight.detach().clone().requires_grad_()
        for name, weight in reference.named_parameters()
    }
    decayed = trainer.get_decay_parameter_names(reference)
    optimizer = torch.optim.AdamW(
        [
            {
                "params": [weight for name, weight in dense.items() if name in decayed],
                "weight_decay": 0.1,
            },
            {
                "params": [weight for name, weight in dense.items() if name not in decayed],
                "weight_decay": 0.0,
            },
        ],
        lr=rate,
    )
    prunable = [f"bert.{name}" for name in pruning.prunable_parameters(reference)]
    for step in range(STEPS):
        if step % every == 0 or step == end:
            sparsity = final - final * (1 - min(step, end) / end) ** 3
            masks = {name: pruning.magnitude_mask(dense[name], sparsity) for name in prunable}
        masked = {
            name: weight * masks[name] if name in masks else weight
            for name, weight in dense.items()
        }
        optimizer.zero_grad()
        functional_call(reference, masked, kwargs=batches[step]).loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / STEPS)
        optimizer.step()
    for name, weight in model.named_parameters():
        if name.endswith(
            "key.bias"
        ):  # shifts all scores of a query alike: its gradient is rounding, which Adam blows up
            continue
        expected = dense[name] * masks[name] if name in masks else dense[name]
        assert torch.allclose(weight, expected, rtol=0, atol=1e-6), name
    for name, weight in callback.dense.items():
        assert torch.allclose(weight, dense[f"bert.{name}"], rtol=0, atol=1e-6), name


def test_pruned_entries_get_no_gradient(train, make):
    model, seen = make(BertForMaskedLM), []

    class Watch(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, **kwargs):
            for name, weight in pruning.prunable_parameters(model).items():
                seen.append(
                    (
                        bool((weight.grad[~callback.masks[name]] == 0).all()),
                        bool((weight.grad != 0).any()),
                    )
                )

    callback = MagnitudePruning(0.5)
    train(callback, model, callbacks=[Watch()])
    assert len(seen) == STEPS * 13 and all(
        pruned_is_zero and rest_is_not for pruned_is_zero, rest_is_not in seen
    )


def test_the_value_under_the_mask_survives(train, make):
    model = make(BertForMaskedLM)
    before = {
        name: weight.detach().clone() for name, weight in pruning.prunable_parameters(model).items()
    }
    callback = MagnitudePruning(0.5, frequency=STEPS)  # in one shot, before the first step
    train(callback, model)
    decay = 1.0
    for step in range(
        STEPS
    ):  # nothing but weight decay moves it: 2 warm-up steps, then linearly down to 0
        decay *= 1 - 0.01 * 5e-3 * min(step / 2, (STEPS - step) / (STEPS - 2))
    for name, mask in callback.masks.items():
        assert torch.allclose(
            callback.dense[name][~mask], before[name][~mask] * decay, rtol=1e-5, atol=0
        )
        assert (callback.dense[name][mask] != before[name][mask]).any()


def test_a_pruned_weight_may_return(train, make):
    model, callback = make(BertForMaskedLM), MagnitudePruning(0.5, frequency=3)
    place = []

    def lift():
        place.append(tuple((~callback.masks[QUERY]).nonzero()[0].tolist()))
        callback.dense[QUERY][place[0]] = 10.0

    train(callback, model, callbacks=[At(4, lift)])
    assert callback.masks[QUERY][place[0]]
    assert pruning.prunable_parameters(model)[QUERY][place[0]].item() == pytest.approx(10, abs=0.1)
    assert int((~callback.masks[QUERY]).sum()) == 128


def test_fixed_masks_never_change(train, make):
    model = make(BertForMaskedLM)
    callback = fixed(model)
    before = {name: mask.clone() for name, mask in callback.masks.items()}
    train(callback, model)
    for name, weight in pruning.prunable_parameters(model).items():
        assert torch.equal(callback.masks[name], before[name]) and torch.equal(
            weight != 0, before[name]
        )


def test_fixed_masks_leave_other_matrices_alone(train, make):
    model = make(BertForMaskedLM)
    train(MagnitudePruning(masks={QUERY: pruning.magnitude_masks(model, 0.5)[QUERY]}), model)
    report = pruning.sparsity_report(model)
    assert report.zeros[QUERY] == 128 == report.zeros["total"]


def test_gradient_accumulation_changes_nothing(make, masked_text, tmp_path):
    models = []
    for batch, accumulate in ((8, 1), (4, 2)):
        models.append(make(BertForMaskedLM, **NO_DROPOUT))
        options = arguments(
            tmp_path,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulate,
            optim="sgd",
            learning_rate=0.1,
        )
        MLMTrainer(
            models[-1],
            options,
            data_collator=default_data_collator,
            train_dataset=masked_text,
            callbacks=[gradual()],
        ).train()
    a, b = (pruning.prunable_parameters(model) for model in models)
    assert all(
        torch.allclose(a[name], b[name], atol=1e-5) and torch.equal(a[name] == 0, b[name] == 0)
        for name in a
    )
    assert pruning.sparsity_report(models[1]).sparsity["total"] == pytest.approx(0.6, abs=1e-3)


# Which words are masked, and how much they count


def test_each_token_is_masked_as_often_as_its_probability_says(tokenizer):
    words = torch.randint(5, 60, (400, 10), generator=torch.Generator().manual_seed(0)).tolist()
    rows = [{"input_ids": [tokenizer.cls_token_id, *row, tokenizer.sep_token_id]} for row in words]
    batch = RepeatableMasking(tokenizer, 0.3, seed=1, probabilities={7: 0.8, 8: 0.0})(rows)
    original = torch.tensor([row["input_ids"] for row in rows])
    masked = batch["labels"] != -100
    assert torch.equal(batch["labels"][masked], original[masked])
    share = lambda chosen: float(masked[chosen].float().mean())
    assert share(original == 7) == pytest.approx(0.8, abs=0.12) and share(original == 8) == 0
    assert share(original > 8) == pytest.approx(0.3, abs=0.03) and share(original < 5) == 0


def test_masks_depend_on_the_words_and_the_seed_alone(tokenizer, text):
    rows = [{"input_ids": row["input_ids"]} for row in text]
    masks = []
    for seed in (1, 1, 2):
        torch.rand(3)
        masks.append(RepeatableMasking(tokenizer, 0.3, seed, {7: 0.8})(rows)["labels"])
    assert torch.equal(masks[0], masks[1]) and not torch.equal(masks[0], masks[2])


def test_a_token_counts_in_the_loss_as_often_as_its_weight_says(make, masked_text, tmp_path):
    model = make(BertForMaskedLM, **NO_DROPOUT)
    batch = default_data_collator(masked_text)
    counts = torch.ones(model.config.vocab_size)
    counts[7], counts[8] = 3.0, 0.0
    logits, labels = (
        model(batch["input_ids"], batch["attention_mask"]).logits,
        batch["labels"].flatten(),
    )
    losses = cross_entropy(logits.flatten(0, 1), labels, reduction="none")
    expected = (losses * counts[labels.clamp(min=0)]).sum() / (labels != -100).sum()
    trainer = MLMTrainer(model, arguments(tmp_path), weights=counts)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
    assert trainer.compute_loss(model, inputs).item() == pytest.approx(expected.item(), rel=1e-5)


def test_resumed_training_masks_and_weighs_the_same(train, make):
    options = dict(
        mlm_probability=0.3, probabilities={7: 0.8}, weights={7: 3.0}, checkpoint_every=5
    )
    whole, cut, resumed, other = (make(BertForMaskedLM) for _ in range(4))
    train(None, whole, folder="whole", **options)
    with pytest.raises(KeyboardInterrupt):
        train(None, cut, folder="cut", callbacks=[At(7, interrupt)], **options)
    train(None, resumed, folder="cut", **options)
    train(None, other, folder="other", **(options | {"weights": None}))
    assert same_weights(whole, resumed) and not same_weights(whole, other)


# Interrupted and resumed


@pytest.mark.parametrize("every", [None, 5])
def test_an_interrupted_training_says_in_one_sentence_what_is_left(train, tmp_path, every):
    """Where IPython would show a traceback, it shows what `_render_traceback_` gives."""
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(None, checkpoint_every=every, callbacks=[At(6, interrupt)])
    (line,) = stopped.value._render_traceback_()
    assert f"after 6 of {STEPS} steps" in line and "load it anew" in line
    assert ("resumes from" in line) == bool(every)


@pytest.mark.parametrize("every", [5, 6])  # within an epoch, and at its end
@pytest.mark.parametrize("kind", ["gradual", "fixed"])
def test_resumed_mlm_training_is_the_same_bit_for_bit(train, make, kind, every):
    def callback(model):
        return gradual() if kind == "gradual" else fixed(model)

    whole, cut, resumed = (make(BertForMaskedLM) for _ in range(3))
    first = callback(whole)
    train(first, whole, folder="whole", checkpoint_every=every)
    with pytest.raises(KeyboardInterrupt):
        train(
            callback(cut),
            cut,
            folder="cut",
            checkpoint_every=every,
            callbacks=[At(every + 2, interrupt)],
        )
    second = callback(resumed)
    started = []
    train(
        second,
        resumed,
        folder="cut",
        checkpoint_every=every,
        callbacks=[At(every, lambda: started.append(True))],
    )
    assert started  # it went on from the checkpoint
    assert same_weights(whole, resumed)
    assert all(torch.equal(first.masks[name], second.masks[name]) for name in first.masks)
    assert (
        first.dense.keys()
        == second.dense.keys()
        == (set(first.masks) if kind == "gradual" else set())
    )
    assert all(torch.equal(first.dense[name], second.dense[name]) for name in first.dense)


@pytest.mark.parametrize("kind", ["gradual", "fixed"])
def test_a_training_that_was_finished_takes_no_more_steps(train, make, kind):
    """It was killed after its last step; at step 12, masks would be computed again."""
    callbacks = [
        gradual(frequency=4, begin=0) if kind == "gradual" else fixed(make(BertForMaskedLM))
        for _ in range(2)
    ]
    whole, again = make(BertForMaskedLM), make(BertForMaskedLM, seed=1)
    train(callbacks[0], whole, checkpoint_every=5)
    trainer = train(callbacks[1], again, checkpoint_every=5, callbacks=[At(STEPS, interrupt)])
    assert same_weights(whole, again) and trainer.state.global_step == STEPS
    assert all(
        torch.equal(callbacks[0].masks[name], callbacks[1].masks[name])
        for name in callbacks[0].masks
    )


@pytest.mark.parametrize("options", [{}, {"train_sampling_strategy": "group_by_length"}])
@pytest.mark.parametrize("every", [5, 6, 8])
def test_resumed_fine_tuning_is_the_same_bit_for_bit(
    make, tokenizer, text, tmp_path, every, options
):
    data = text.remove_columns("special_tokens_mask").add_column(
        "labels", [i % 2 for i in range(len(text))]
    )

    def tune(folder, callbacks=()):
        model = make(BertForSequenceClassification)
        fine_tune(
            model,
            tokenizer,
            data,
            epochs=2,
            batch_size=8,
            learning_rate=5e-3,
            output_dir=tmp_path / folder,
            pruning=fixed(model),
            checkpoint_every=every,
            callbacks=callbacks,
            **options,
        )
        return model

    whole = tune("whole")
    with pytest.raises(KeyboardInterrupt):
        tune("cut", [At(every + 2, interrupt)])
    assert same_weights(whole, tune("cut"))


def test_accumulated_batches_give_fine_tuning_the_same_gradient(make, tokenizer, text, tmp_path):
    labels = [i % 2 for i in range(32)]
    data = text.remove_columns("special_tokens_mask").select(range(32)).add_column("labels", labels)

    def norm(batch, accumulation):
        model, folder = make(BertForSequenceClassification).train(False), tmp_path / str(batch)
        model.train = lambda mode=True: model  # no dropout
        options = {"gradient_accumulation_steps": accumulation, "logging_steps": 1}
        options |= {"epochs": 1, "batch_size": batch, "learning_rate": 1e-5, "output_dir": folder}
        trainer = fine_tune(model, tokenizer, data, **options, logging_strategy="steps")
        return trainer.state.log_history[0]["grad_norm"]

    assert norm(8, 4) == pytest.approx(norm(32, 1), rel=1e-4)


def test_nothing_is_left_on_the_model_after_an_interruption(train, make):
    """An interrupted pruned training, then a dense one of the same model: all must learn again."""
    model = make(BertForMaskedLM)
    with pytest.raises(KeyboardInterrupt):
        train(MagnitudePruning(0.5), model, callbacks=[At(3, interrupt)])
    train(None, model, folder="dense")
    assert pruning.sparsity_report(model).zeros["total"] == 0


def test_resuming_without_the_values_under_the_masks(make, masked_text, tmp_path):
    def trainer(*callbacks):
        options = arguments(tmp_path, save_strategy="steps", save_steps=4)
        return Trainer(
            make(BertForMaskedLM),
            options,
            data_collator=default_data_collator,
            train_dataset=masked_text,
            callbacks=list(callbacks),
        )

    trainer().train()
    with pytest.raises(FileNotFoundError, match=r"checkpoint-4.*pruning_state.*start afresh"):
        trainer(gradual()).train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))


@pytest.mark.parametrize(
    "missing", [training.STATE_FILE, "trainer_state.json", "model.safetensors"]
)
def test_a_checkpoint_that_was_not_saved_to_its_end_is_passed_over(train, make, tmp_path, missing):
    whole, resumed = make(BertForMaskedLM), make(BertForMaskedLM)
    train(gradual(), whole, checkpoint_every=5)
    (tmp_path / "out" / f"checkpoint-{STEPS}" / missing).unlink()
    with pytest.warns(UserWarning, match=f"checkpoint-{STEPS} was not saved to its end"):
        train(gradual(), resumed, checkpoint_every=5)
    assert same_weights(whole, resumed)


# What bad input gets


def test_ramp_that_outlasts_training(train):
    with pytest.raises(ValueError, match="ends at step 12, but training stops after 12 steps"):
        train(gradual(end=12))


def test_fixed_masks_have_no_schedule():
    callback = MagnitudePruning(masks={QUERY: torch.ones(2, 2, dtype=torch.bool)})
    with pytest.raises(ValueError, match="fixed masks have no schedule; pass a sparsity"):
        callback.sparsity_at(0)


def test_masks_of_another_model(train, make):
    with pytest.raises(ValueError, match="same size"):
        train(fixed(make(BertForMaskedLM, hidden_size=32)))


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({}, ValueError, "either a sparsity.*or masks"),
        ({"sparsity": 0.5, "masks": {}}, ValueError, "either a sparsity.*or masks"),
        ({"sparsity": 1.0}, ValueError, r"\[0, 1\).*1.0"),
        ({"sparsity": "half"}, TypeError, "'half'"),
        ({"sparsity": 0.5, "frequency": 0}, ValueError, "frequency.*got 0"),
        ({"sparsity": 0.5, "begin": 9, "end": 3}, ValueError, "begin=9, end=3"),
        ({"sparsity": 0.5, "scope": "layer"}, ValueError, "'layer'"),
    ],
)
def test_impossible_options(options, error, message):
    with pytest.raises(error, match=message):
        MagnitudePruning(**options)


# MLM loss


@pytest.mark.parametrize("accumulated", [1, 3])
def test_loss_at_masked_positions_is_the_stock_loss(make, masked_text, tmp_path, accumulated):
    batch = default_data_collator(masked_text)
    model, stock = make(BertForMaskedLM, **NO_DROPOUT), make(BertForMaskedLM, **NO_DROPOUT)
    trainer = MLMTrainer(model, arguments(tmp_path))
    items = accumulated * (batch["labels"] != -100).sum() if accumulated > 1 else None
    loss = trainer.compute_loss(model, dict(batch), num_items_in_batch=items)
    expected = stock(**batch).loss / accumulated
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    loss.backward(), expected.backward()
    for (name, a), b in zip(model.named_parameters(), stock.parameters()):
        assert torch.allclose(a.grad, b.grad, atol=1e-5), name


def test_mlm_loss_is_the_mean_over_masked_tokens(make, tokenizer, text):
    model = make(BertForMaskedLM).eval()
    torch.manual_seed(7)
    batch = DataCollatorForLanguageModeling(tokenizer)([dict(row) for row in text])
    state = torch.get_rng_state()
    assert training.mlm_loss(model, tokenizer, text, seed=7) == pytest.approx(
        model(**batch).loss.item(), abs=1e-5
    )
    assert torch.equal(torch.get_rng_state(), state)  # measuring does not disturb training
    assert training.mlm_loss(model, tokenizer, text, batch_size=5) == training.mlm_loss(
        model, tokenizer, text, batch_size=5
    )


# Loading


@pytest.mark.parametrize("cls", [BertForPreTraining, BertModel])
def test_load_mlm_keeps_the_pooler_and_ties_the_words(make, cls, tmp_path):
    model = make(cls)
    model.save_pretrained(tmp_path)
    bert = getattr(model, "bert", model)
    loaded = load_mlm(tmp_path)
    assert same_weights(loaded.bert, bert)
    assert loaded.cls.predictions.decoder.weight is loaded.bert.embeddings.word_embeddings.weight
    loaded.save_pretrained(tmp_path / "again")
    assert same_weights(BertModel.from_pretrained(tmp_path / "again"), bert)


def test_load_mlm_refuses_a_random_encoder_and_names_a_new_pooler(make, tmp_path):
    model = make(BertForMaskedLM)
    model.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="has no pooler, so it got a new"):
        load_mlm(tmp_path)
    weights = {f"module.{name}": value.clone() for name, value in model.state_dict().items()}
    weights = {name: value.contiguous() for name, value in weights.items()}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks weights of the encoder.*bert.embeddings"):
        load_mlm(tmp_path)


def test_load_mlm_of_a_config_has_all_74_kinds_of_matrices(tiny_config):
    assert "pooler.dense.weight" in pruning.prunable_parameters(load_mlm(None, tiny_config()))


def test_load_classifier_has_a_new_head(make, tmp_path):
    model = make(BertForPreTraining)
    model.save_pretrained(tmp_path)
    classifier = training.load_classifier(tmp_path, ("no", "perhaps", "yes"))
    assert (
        classifier.config.id2label == {0: "no", 1: "perhaps", 2: "yes"}
        and classifier.classifier.out_features == 3
    )
    assert same_weights(classifier.bert, model.bert)


def test_quiet_is_quiet_for_a_while_only():
    before = transformers_logging.get_verbosity()
    with training.quiet():
        assert transformers_logging.get_verbosity() == logging.ERROR
    assert transformers_logging.get_verbosity() == before


def test_predict_gives_the_models_logits_in_order(make, tokenizer, text):
    model = make(BertForSequenceClassification).eval()
    data = text.add_column("labels", list(range(len(text))))
    logits, labels = training.predict(model, tokenizer, data, batch_size=7)
    assert labels.tolist() == list(range(48))
    expected = model(torch.tensor(text["input_ids"][:])).logits
    assert torch.allclose(torch.tensor(logits), expected, atol=1e-5)


def test_predict_puts_examples_of_different_lengths_back_in_order(make, tokenizer):
    lines = [" ".join(["w3"] * n) for n in (9, 1, 5, 1, 12, 3)]
    data = Dataset.from_dict(dict(tokenizer(lines)) | {"labels": list(range(6))})
    model = make(BertForSequenceClassification).eval()
    logits, labels = training.predict(model, tokenizer, data, batch_size=4)
    assert labels.tolist() == list(range(6))
    one_by_one = [
        model(**tokenizer(line, return_tensors="pt")).logits[0].tolist() for line in lines
    ]
    assert np.allclose(logits, one_by_one, atol=1e-5)

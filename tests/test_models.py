"""Models whose parameters are not what they look like, and trainings that do not end as asked."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import nn
from torch.nn.utils import parametrizations, prune
from transformers import (
    AutoConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
)

from helpers import pruning, training
from helpers.lab.recipes import MovementPruning, movement
from helpers.training import MagnitudePruning, fine_tune, load_classifier, load_mlm, train_mlm

QUERY = "encoder.layer.0.attention.self.query.weight"


class Own(nn.Module):
    """An encoder inside a module of one's own."""

    def __init__(self, *encoders):
        super().__init__()
        self.encoders, self.head = nn.ModuleList(encoders), nn.Linear(16, 3)


@pytest.fixture
def examples(text):
    rows = text.remove_columns("special_tokens_mask")
    return rows.add_column("labels", [i % 2 for i in range(len(text))])


def mlm(model, tokenizer, text, folder, **options):
    common = {"steps": 12, "batch_size": 8, "learning_rate": 5e-3, "warmup_steps": 2}
    return train_mlm(model, tokenizer, text, output_dir=folder, **common | options)


# What is found in a model


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, lambda m: Own(m), lambda m: Own(nn.DataParallel(m))]
)
@pytest.mark.parametrize("cls", [BertModel, BertForSequenceClassification])
def test_the_encoders_matrices_are_found_inside(make, wrap, cls):
    model = make(cls)
    found, expected = pruning.prunable_parameters(wrap(model)), pruning.prunable_parameters(model)
    assert list(found) == list(expected) and "embeddings.word_embeddings.weight" in found
    assert all(found[name] is expected[name] for name in expected)


def test_a_compiled_model_is_its_model(make):
    model = make(BertModel)
    compiled = torch.compile(model)
    assert list(pruning.prunable_parameters(compiled)) == list(pruning.prunable_parameters(model))


def test_several_encoders_side_by_side_are_refused(make):
    with pytest.raises(ValueError, match="encoders.0, encoders.1. Pass one of them"):
        pruning.prunable_parameters(Own(make(BertModel), make(BertModel)))


@pytest.mark.parametrize(
    "change",
    [
        lambda linear: prune.l1_unstructured(linear, "weight", 0.5),
        lambda linear: parametrizations.weight_norm(linear),
    ],
)
def test_a_matrix_that_is_computed_anew_is_refused(make, change):
    model = make(BertModel)
    change(model.get_submodule(QUERY.removesuffix(".weight")))
    masks = pruning.magnitude_masks(make(BertModel), 0.5)
    with pytest.raises(ValueError, match=r"self.query is no parameter.*prune.remove\(module"):
        pruning.apply_masks(model, masks)


def test_after_prune_remove_it_is_pruned_to_the_end(make, tokenizer, text, tmp_path):
    model = make(BertForMaskedLM)
    module = model.bert.get_submodule(QUERY.removesuffix(".weight"))
    prune.l1_unstructured(module, "weight", 0.5)
    prune.remove(module, "weight")
    mlm(model, tokenizer, text, tmp_path, pruning=MagnitudePruning(0.8, end=4, frequency=2))
    assert pruning.sparsity_report(model).zeros[QUERY] == round(256 * 0.8)


# Precision


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_checkpoints_are_trained_in_32_bits(make, dtype, tmp_path):
    saved = make(BertForMaskedLM).to(dtype)
    saved.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).dtype == dtype
    config = AutoConfig.from_pretrained(tmp_path)
    for model in (
        load_mlm(tmp_path),
        load_classifier(tmp_path, ("a", "b")),
        load_mlm(None, config),
    ):
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    loaded = pruning.prunable_parameters(load_mlm(tmp_path))[QUERY]
    assert torch.equal(loaded, pruning.prunable_parameters(saved)[QUERY].float())


def test_half_precision_weights_are_not_trained(make, tokenizer, text, tmp_path):
    with pytest.raises(ValueError, match=r"weights are torch.bfloat16.*model.float\(\)"):
        mlm(make(BertForMaskedLM).bfloat16(), tokenizer, text, tmp_path)


def test_losses_are_summed_in_32_bits(make, tokenizer, text):
    exact = training.mlm_loss(make(BertForMaskedLM), tokenizer, text)
    half = training.mlm_loss(make(BertForMaskedLM).bfloat16(), tokenizer, text)
    assert half == pytest.approx(exact, rel=2e-3)


def test_label_smoothing_is_that_of_the_stock_trainer(make, tokenizer, text, tmp_path):
    torch.manual_seed(0)
    batch = dict(DataCollatorForLanguageModeling(tokenizer)([dict(row) for row in text]))
    options = {"report_to": "none", "use_cpu": True, "label_smoothing_factor": 0.2}
    arguments = TrainingArguments(tmp_path, **options)
    model = make(BertForMaskedLM).eval()
    ours = training.MLMTrainer(model, arguments).compute_loss(model, dict(batch))
    stock = Trainer(model, arguments).compute_loss(model, dict(batch))
    plain = model(**batch).loss
    assert ours.item() == pytest.approx(stock.item(), abs=1e-5)
    assert abs(ours.item() - plain.item()) > 1e-4


# Frozen matrices


@pytest.mark.parametrize("kind", ["gradual", "fixed", "movement"])
def test_a_frozen_matrix_is_pruned_and_does_not_learn(make, tokenizer, examples, tmp_path, kind):
    model = make(BertForSequenceClassification)
    frozen = pruning.prunable_parameters(model)[QUERY].requires_grad_(False)
    before = frozen.clone()
    mask = pruning.magnitude_mask(before, 0.5)
    ramp = {"end": 4, "frequency": 2}
    callback = {
        "gradual": lambda: MagnitudePruning(0.5, **ramp),
        "fixed": lambda: MagnitudePruning(masks=pruning.magnitude_masks(model, 0.5)),
        "movement": lambda: MovementPruning(0.5, **ramp),
    }[kind]()
    options = {"epochs": 1, "batch_size": 8, "learning_rate": 5e-3}
    fine_tune(model, tokenizer, examples, output_dir=tmp_path, pruning=callback, **options)
    assert torch.equal(frozen, before * mask)
    report = pruning.sparsity_report(model)
    assert report.zeros.tolist()[:-1] == [round(n * 0.5) for n in report.entries][:-1]


# Ends that were not reached


class StopAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        control.should_training_stop = state.global_step >= self.step


def test_a_training_that_stops_inside_the_ramp(make, tokenizer, text, tmp_path):
    options = {"pruning": MagnitudePruning(0.8, end=8, frequency=2), "callbacks": [StopAt(5)]}
    with pytest.raises(RuntimeError, match="0.8 was asked for.*step 8") as error:
        mlm(make(BertForMaskedLM), tokenizer, text, tmp_path, **options)
    reached = float(str(error.value).partition("has ")[2].partition(":")[0])
    assert reached == pytest.approx(0.8 - 0.8 * (1 - 4 / 8) ** 3, abs=2e-3)


def test_early_stopping_after_the_ramp_is_fine(make, tokenizer, text, tmp_path):
    model = make(BertForMaskedLM)
    options = {"pruning": MagnitudePruning(0.8, end=4, frequency=2), "callbacks": [StopAt(6)]}
    mlm(model, tokenizer, text, tmp_path, **options)
    assert pruning.sparsity_report(model).sparsity["total"] == pytest.approx(0.8, abs=1e-3)


def test_steps_lowered_below_a_checkpoint(make, tokenizer, text, tmp_path):
    first = MagnitudePruning(0.8, end=10, frequency=2)
    with pytest.raises(RuntimeError, match="0.8 was asked for"):
        options = {"pruning": first, "checkpoint_every": 5, "callbacks": [StopAt(5)]}
        mlm(make(BertForMaskedLM), tokenizer, text, tmp_path, **options)
    with pytest.raises(ValueError, match="max_steps = 12, now it is 4"):
        again = MagnitudePruning(0.8, end=3, frequency=2)
        options = {"steps": 4, "pruning": again, "checkpoint_every": 5}
        mlm(make(BertForMaskedLM), tokenizer, text, tmp_path, **options)


@pytest.mark.parametrize("best, reached", [(2, False), (10, True)])
def test_the_best_model_is_compared_with_what_was_asked_for(
    make, tokenizer, text, tmp_path, best, reached
):
    """Each evaluation is given a loss, lowest at one checkpoint: inside the ramp or after it."""
    torch.manual_seed(0)
    batch = DataCollatorForLanguageModeling(tokenizer)([dict(row) for row in text])
    rows = [{key: value[i] for key, value in batch.items()} for i in range(len(text))]
    model, callback = make(BertForMaskedLM), MagnitudePruning(0.8, end=8, frequency=2)

    class Judged(Trainer):
        def evaluate(self, *args, **kwargs):
            return {"eval_loss": float(abs(self.state.global_step - best))}

    options = {"save_strategy": "steps", "save_steps": 2, "eval_strategy": "steps", "eval_steps": 2}
    quiet = {"report_to": "none", "disable_tqdm": True, "dataloader_pin_memory": False}
    common = {"max_steps": 12, "per_device_train_batch_size": 8, "load_best_model_at_end": True}
    arguments = TrainingArguments(tmp_path, learning_rate=0.05, **options, **quiet, **common)
    trainer = Judged(
        model,
        arguments,
        data_collator=default_data_collator,
        train_dataset=rows,
        eval_dataset=rows,
        callbacks=[callback],
    )
    if not reached:
        with pytest.raises(RuntimeError, match="its best model was saved, before the ramp"):
            trainer.train()
        return
    trainer.train()
    saved = BertForMaskedLM.from_pretrained(tmp_path / "checkpoint-10")
    for name, weight in pruning.prunable_parameters(saved).items():
        assert torch.equal(callback.masks[name], weight != 0)
        assert torch.equal(pruning.prunable_parameters(model)[name], weight)


def test_a_diverged_training_is_said(make, tokenizer, text, tmp_path):
    model = make(BertForMaskedLM)
    callback = MagnitudePruning(masks=pruning.magnitude_masks(model, 0.5))

    class Spoil(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            pruning.prunable_parameters(model)[QUERY].data[0, 0] = float("nan")

    with pytest.raises(RuntimeError, match="training diverged: .*weight holds NaN.*learning rate"):
        mlm(model, tokenizer, text, tmp_path, steps=2, pruning=callback, callbacks=[Spoil()])


# Steps, not batches


def test_the_warm_up_is_a_tenth_of_the_steps(make, tokenizer, text, tmp_path):
    rows = Dataset.from_dict(text.remove_columns("special_tokens_mask")[:])
    rows = rows.add_column("labels", [i % 2 for i in range(len(text))])
    rates = []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, optimizer=None, **kwargs):
            rates.append(optimizer.param_groups[0]["lr"])

    options = {"epochs": 10, "batch_size": 4, "learning_rate": 1.0, "callbacks": [Watch()]}
    trainer = fine_tune(
        make(BertForSequenceClassification),
        tokenizer,
        rows,
        output_dir=tmp_path,
        gradient_accumulation_steps=6,
        **options,
    )
    assert trainer.state.global_step == 20 == training.steps_of(48, 10, 4, accumulation=6)
    # the rate after a step is that of the next one: 2 steps up, 18 steps down
    assert rates == pytest.approx([0.5, 1.0, *(n / 18 for n in range(17, -1, -1))])


def test_movement_counts_steps_when_batches_are_accumulated(make, tokenizer, examples, tmp_path):
    model = make(BertForSequenceClassification)
    options = {"batch_size": 8, "learning_rate": 5e-3, "gradient_accumulation_steps": 2}
    movement(
        0.5,
        model,
        tokenizer,
        examples,
        epochs=(2, 2),
        frequency=1,
        output_dir=tmp_path,
        **options,
    )  # 12 steps, of which the ramp takes steps 3 to 9
    report = pruning.sparsity_report(model)
    assert report.zeros.tolist()[:-1] == [round(n * 0.5) for n in report.entries][:-1]


# Movement and steps that are skipped


@pytest.mark.parametrize("how", ["skipped", "infinite"])
def test_movement_takes_in_no_gradient_of_a_skipped_step(make, how):
    model, other = make(BertForSequenceClassification), make(BertForSequenceClassification)
    batch = {"input_ids": torch.arange(5, 15).view(2, 5), "labels": torch.tensor([0, 1])}

    class State:
        global_step, max_steps, best_model_checkpoint = 0, 10, None

    class Optimizer:
        step_was_skipped = False

    def step(model, callback, scale=1.0, skipped=False):
        optimizer = Optimizer()
        optimizer.step_was_skipped = skipped
        model.zero_grad()
        (model.eval()(**batch).loss * scale).backward()
        callback.on_pre_optimizer_step(None, State, None)
        callback.on_optimizer_step(None, State, None, optimizer=optimizer)

    callbacks = []
    for net in (model, other):
        callbacks.append(MovementPruning(0.5, end=4))
        callbacks[-1].on_train_begin(None, State, None, model=net)
        step(net, callbacks[-1])
    if how == "infinite":
        step(model, callbacks[0], scale=float("inf"))
    else:
        step(model, callbacks[0], scale=7.0, skipped=True)
    for net, callback in zip((model, other), callbacks):
        step(net, callback)
    assert callbacks[0].scores and all(
        score.isfinite().all() and torch.equal(score, callbacks[1].scores[name])
        for name, score in callbacks[0].scores.items()
    )


# Messages


def test_predicting_on_no_rows(make, tokenizer, examples):
    with pytest.raises(ValueError, match="no examples to predict.*dev_rows"):
        training.predict(make(BertForSequenceClassification), tokenizer, examples.select([]))


def test_a_loss_over_nothing(make, tokenizer, text):
    special = text.map(lambda row: {"special_tokens_mask": [1] * len(row["input_ids"])})
    for rows in (special, text.select([])):
        with pytest.raises(ValueError, match=f"no token is masked in the {len(rows)} rows.*0.15"):
            training.mlm_loss(make(BertForMaskedLM), tokenizer, rows)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"adam_epsilom": 1e-6}, TypeError, "'adam_epsilom'.*did you mean adam_epsilon"),
        ({"max_steps": 3}, ValueError, "'max_steps' cannot be set"),
        ({"per_device_train_batch_size": 3}, ValueError, "the course sets it itself"),
    ],
)
def test_options_that_are_none(make, tokenizer, text, examples, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        mlm(make(BertForMaskedLM), tokenizer, text, tmp_path, **options)
    common = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "output_dir": tmp_path}
    with pytest.raises(error, match=message):
        fine_tune(make(BertForSequenceClassification), tokenizer, examples, **common, **options)
    assert np.array_equal([*tmp_path.iterdir()], [])  # refused before anything was written

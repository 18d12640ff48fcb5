"""Movement pruning by hand, lottery tickets that rewind, conditions that end at their sparsity."""

import pytest
import torch
from torch import nn
from transformers import BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

from helpers import conditions, pruning, structure, training
from helpers.lab import experiment, recipes, runs, store


class Line(nn.Module):
    """loss = sum(w · x): its gradient is x, whatever the weights are."""

    def __init__(self, values):
        super().__init__()
        self.line = nn.Linear(len(values), 1, bias=False)
        with torch.no_grad():
            self.line.weight.copy_(torch.tensor([values]))

    def forward(self, x, labels=None):
        return {"loss": self.line(x).sum()}


def train(model, pruning_callback, folder, x, steps, resume=None, save=False):
    arguments = TrainingArguments(
        str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=1e-3,
        weight_decay=0.0,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        lr_scheduler_type="constant",
        save_strategy="steps" if save else "no",
        save_steps=3,
    )
    rows = [{"x": torch.tensor(x), "labels": torch.tensor(0.0)} for _ in range(steps)]
    trainer = Trainer(model, arguments, train_dataset=rows, callbacks=[pruning_callback])
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def test_what_moves_towards_zero_is_pruned_whatever_its_magnitude(tmp_path):
    # Gradient descent goes against x: the large first and third weights shrink, the small second
    # and fourth grow.
    model, prune = (
        Line([0.9, 0.1, -0.8, -0.2]),
        recipes.MovementPruning(0.5, begin=2, end=4, frequency=1),
    )
    train(model, prune, tmp_path, [1.0, -1.0, -1.0, 1.0], 6)
    assert prune.masks["line.weight"].tolist() == [[False, True, False, True]]
    assert model.line.weight[0, [0, 2]].tolist() == [0.0, 0.0]
    by_magnitude = training.MagnitudePruning(0.5, begin=2, end=4, frequency=1)
    train(Line([0.9, 0.1, -0.8, -0.2]), by_magnitude, tmp_path, [1.0, -1.0, -1.0, 1.0], 6)
    assert by_magnitude.masks["line.weight"].tolist() == [[True, False, True, False]]


def test_pruned_weights_are_scored_too(tmp_path):
    prune = recipes.MovementPruning(0.5, begin=0, end=1, frequency=100)
    train(Line([0.9, 0.1, -0.8, -0.2]), prune, tmp_path, [1.0, -1.0, -1.0, 1.0], 5)
    signs = prune.scores["line.weight"].detach().sign()
    assert not prune.masks["line.weight"].all()
    assert signs.tolist() == [[-1.0, 1.0, -1.0, 1.0]]


def test_movement_pruning_resumes_where_it_was(make, tmp_path, tokenizer):
    from datasets import Dataset

    rows = Dataset.from_dict(
        {
            **tokenizer([f"w{i % 50} w{i % 7}" for i in range(32)]),
            "labels": [i % 2 for i in range(32)],
        }
    )
    options = dict(epochs=2, batch_size=4, learning_rate=1e-3, checkpoint_every=8)
    results = []
    for name in ("whole", "broken"):
        model, prune = (
            make(
                BertForSequenceClassification,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            ),
            recipes.MovementPruning(0.6, begin=2, end=12, frequency=2),
        )
        if name == "broken":
            stop = _StopAfter(8)
            with pytest.raises(KeyboardInterrupt):
                training.fine_tune(
                    model,
                    tokenizer,
                    rows,
                    output_dir=tmp_path / name,
                    pruning=prune,
                    callbacks=[stop],
                    **options,
                )
            model, prune = (
                make(
                    BertForSequenceClassification,
                    seed=3,
                    hidden_dropout_prob=0.0,
                    attention_probs_dropout_prob=0.0,
                ),
                recipes.MovementPruning(0.6, begin=2, end=12, frequency=2),
            )
        training.fine_tune(
            model, tokenizer, rows, output_dir=tmp_path / name, pruning=prune, **options
        )
        results.append((model.state_dict(), prune.scores))
    (whole, scores), (again, scores_again) = results
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert all(torch.equal(scores[name], scores_again[name]) for name in scores)
    assert "embeddings.word_embeddings.weight" not in scores


class _StopAfter(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


def test_the_lottery_rewinds_and_prunes_in_equal_shares(make, tmp_path, tokenizer, monkeypatch):
    from datasets import Dataset

    rows = Dataset.from_dict({**tokenizer(["w1 w2", "w3"] * 8), "labels": [0, 1] * 8})
    model = make(BertForSequenceClassification)
    before, kept, tune = (
        {k: v.clone() for k, v in model.state_dict().items()},
        [],
        recipes.fine_tune,
    )

    def spy(model, *arguments, pruning=None, **options):
        assert all(
            torch.equal(before[name], value) for name, value in model.state_dict().items()
        )  # rewound
        kept.append(sum(int(m.sum()) for m in pruning.masks.values()) if pruning else None)
        return tune(model, *arguments, pruning=pruning, **options)

    monkeypatch.setattr(recipes, "fine_tune", spy)
    masks = recipes.lottery_masks(
        model,
        tokenizer,
        rows,
        0.75,
        rounds=2,
        output_dir=tmp_path,
        epochs=1,
        batch_size=4,
        learning_rate=1e-2,
    )
    entries = sum(w.numel() for w in pruning.prunable_parameters(model).values())
    assert kept == [None, entries // 2]
    assert sum(int(m.sum()) for m in masks.values()) == entries // 4
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("condition", conditions.LATER)
def test_every_condition_runs_and_ends_at_its_sparsity(condition, micro, tmp_path, monkeypatch):
    models, predict = {}, experiment.predict

    def spy(model, *arguments):
        models[condition] = model
        return predict(model, *arguments)

    monkeypatch.setattr(experiment, "predict", spy)
    rows = experiment.measure(runs.Run(condition, "sst2", 0.5, profile=micro), tmp_path)
    assert list(rows.columns) == store.COLUMNS and set(rows.condition) == {condition}
    assert {"accuracy", "train_loss", "mlm_loss"} <= set(rows.metric)
    model = models[condition]
    weights = (
        structure.layer_matrices(model)
        if condition in ("structured", "single")
        else pruning.prunable_parameters(model)
    )
    zeros = sum(int((w == 0).sum()) for w in weights.values()) / sum(
        w.numel() for w in weights.values()
    )
    assert zeros == pytest.approx(0.5, abs=0.01)
    if condition in ("structured", "single"):
        assert not (model.bert.embeddings.word_embeddings.weight[5:] == 0).any()


def test_all_of_them_start_from_the_dense_checkpoint(micro):
    needs = [
        runs.checkpoint_of(runs.Run(c, "sst2", s, profile=micro))
        for c, s in (("dense", 0.0), *((c, 0.5) for c in conditions.LATER))
    ]
    assert all(need == needs[0] for need in needs)


def test_unknown_conditions_name_the_later_ones_too():
    with pytest.raises(ValueError, match="lottery"):
        runs.Run("wanda", "cola")
    assert set(conditions.LATER) | set(conditions.OF_THE_PAPER) == set(conditions.CONDITIONS)

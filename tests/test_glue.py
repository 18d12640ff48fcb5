"""Every GLUE task: metrics equal to scikit-learn's and scipy's, and one run of each.

The runs are on files laid out like the hub's.
"""

import json
import random
import warnings

import evaluate
import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from scipy.special import log_softmax
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from helpers import data, pocket, profiles, tasks, training
from helpers.lab import __main__ as cli
from helpers.lab.experiment import Run, RunStore, measure
from helpers.lab.store import COLUMNS

TASKS = tuple(tasks.COLUMNS)
CLASSIFICATION = tuple(task for task in TASKS if task != "stsb")
EXTRA = {
    "cola": ("matthews_correlation", matthews_corrcoef),
    "mrpc": ("f1", f1_score),
    "qqp": ("f1", f1_score),
}
SOURCE = {"mnli_mismatched": "mnli"}  # the folder a task lies in


# Metrics


def oracle(task, predictions, labels):
    expected = {"accuracy": accuracy_score(labels, predictions)}
    if task in EXTRA:
        name, metric = EXTRA[task]
        expected[name] = metric(labels, predictions)
    return expected


def logits_for(predictions, classes):
    return np.eye(classes)[predictions]


@pytest.mark.parametrize("task", CLASSIFICATION)
def test_classification_is_scored_as_by_scikit_learn(task):
    classes, rng = len(tasks.LABELS[task]), np.random.default_rng(1)
    for size in (1, 7, 300):
        labels, predictions = rng.integers(classes, size=(2, size))
        predictions[: size // 2] = labels[: size // 2]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the oracle's
            expected = oracle(task, predictions, labels)
        assert tasks.score(task, logits_for(predictions, classes), labels) == pytest.approx(
            expected, abs=1e-12
        )


@pytest.mark.parametrize("task", CLASSIFICATION)
@pytest.mark.parametrize(
    "predicted, true",
    [
        ([1] * 6, [0, 1, 1, 0, 1, 0]),
        ([0] * 6, [0, 1, 1, 0, 1, 0]),
        ([0] * 6, [0] * 6),
        ([1] * 6, [1] * 6),
        ([0] * 6, [1] * 6),
        ([0, 1, 0, 1, 0, 1], [0] * 6),
    ],
)
def test_one_class_only_is_scored_without_a_warning(task, predicted, true):
    predicted, true = np.array(predicted), np.array(true)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = oracle(task, predicted, true)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured = tasks.score(task, logits_for(predicted, len(tasks.LABELS[task])), true)
    assert measured == pytest.approx(expected, abs=1e-12) and all(
        np.isfinite(value) for value in measured.values()
    )


@pytest.mark.parametrize("present", [(0, 1), (0, 2), (1, 2)])
def test_three_labels_of_which_two_are_there(present):
    rng = np.random.default_rng(2)
    labels, predictions = rng.choice(present, size=(2, 50))
    assert tasks.score("mnli", logits_for(predictions, 3), labels) == {
        "accuracy": pytest.approx(accuracy_score(labels, predictions))
    }


def test_regression_is_scored_as_by_scipy():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 26, size=200) / 5  # with ties, as in STS-B
    logits = (labels + rng.normal(size=200)).astype("float32")[:, None]
    expected = {
        "pearson": pearsonr(labels, logits[:, 0]).statistic,
        "spearmanr": spearmanr(labels, logits[:, 0]).statistic,
    }
    assert tasks.score("stsb", logits, labels) == pytest.approx(expected, abs=1e-6)
    assert 0.5 < expected["pearson"] < 0.95 and expected["pearson"] != pytest.approx(
        expected["spearmanr"], abs=1e-4
    )
    assert tasks.score("stsb", -logits, labels) == pytest.approx(
        {name: -value for name, value in expected.items()}, abs=1e-6
    )
    assert tasks.score("stsb", labels[:, None] * 3 - 7, labels) == pytest.approx(
        {"pearson": 1, "spearmanr": 1}
    )


@pytest.mark.parametrize(
    "predicted, true",
    [([2.5] * 4, [0, 1, 2, 5]), ([0, 1, 2, 5], [2.5] * 4), ([1.0] * 4, [1.0] * 4)],
)
def test_correlation_with_a_constant_is_0_where_scipy_has_nan(predicted, true):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(pearsonr(true, predicted).statistic) and np.isnan(
            spearmanr(true, predicted).statistic
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tasks.score("stsb", np.array(predicted)[:, None], np.array(true)) == {
            "pearson": 0.0,
            "spearmanr": 0.0,
        }


def test_the_metric_script_refuses_other_metrics():
    with pytest.raises(ValueError, match="unknown metric in 'bleu'; choose from accuracy, f1"):
        evaluate.load(str(profiles.ASSETS / "glue_metric.py"), "bleu")


def test_main_metric_is_among_what_is_measured():
    for task in TASKS:
        scores = tasks.score(
            task,
            np.random.default_rng(0).normal(size=(9, len(tasks.LABELS[task]))),
            np.arange(9) % len(tasks.LABELS[task]),
        )
        assert (
            next(iter(scores))
            == tasks.main_metric(task)
            == ("pearson" if task == "stsb" else "accuracy")
        )
    with pytest.raises(ValueError, match="'imdb'"):
        tasks.main_metric("imdb")


def test_losses_are_cross_entropy_and_squared_error():
    logits, labels = np.array([[1.0, 3.0], [2.0, 0.0]]), np.array([1, 1])
    assert tasks.task_loss("cola", logits, labels) == pytest.approx(
        -log_softmax(logits, axis=1)[[0, 1], labels].mean()
    )
    assert tasks.task_loss("stsb", np.array([[1.0], [4.0]]), np.array([2.0, 2.0])) == 2.5


def test_constant_prediction_is_the_best_one():
    logits = tasks.constant_logits("mnli", [0, 0, 2, 0], 3)  # one label is missing
    assert logits.shape == (3, 3) and np.exp(logits[0]) == pytest.approx([0.75, 0, 0.25], abs=1e-6)
    assert tasks.constant_logits("stsb", [1.0, 4.0], 2).tolist() == [[2.5], [2.5]]


# One run of each task


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """`nyu-mll/glue` with 40 made-up examples a split; MNLI's validation sets differ in size."""
    folder = tmp_path_factory.mktemp("hub")
    sentences = iter(
        [sentence for passage in pocket.passages(4_000, seed="glue") for sentence in passage]
    )
    rng, configs = random.Random(0), []
    for task in CLASSIFICATION + ("stsb",):
        if task in SOURCE:
            continue
        label = Value("float32") if task == "stsb" else ClassLabel(names=list(tasks.LABELS[task]))
        features = Features(
            {
                **{column: Value("string") for column in tasks.COLUMNS[task]},
                "label": label,
                "idx": Value("int32"),
            }
        )
        splits = (
            {"train": 40, "validation_matched": 30, "validation_mismatched": 20}
            if task == "mnli"
            else {"train": 40, "validation": 30}
        )
        files = []
        for split, count in splits.items():
            rows = [
                {
                    **{column: next(sentences) for column in tasks.COLUMNS[task]},
                    "idx": i,
                    "label": rng.randrange(26) / 5
                    if task == "stsb"
                    else i % len(tasks.LABELS[task]),
                }
                for i in range(count)
            ]
            path = folder / "nyu-mll" / "glue" / task / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            Dataset.from_list(rows, features=features).to_parquet(path)
            files.append({"split": split, "path": f"{task}/{path.name}"})
        configs.append({"config_name": task, "data_files": files})
    (folder / "nyu-mll" / "glue" / "README.md").write_text(
        f"---\nconfigs: {json.dumps(configs)}\n---\n"
    )
    return folder


@pytest.fixture
def profile(micro, hub, monkeypatch):
    monkeypatch.setenv("HUB_MIRROR", str(hub))
    for function in (data.load_examples, data.load_task):
        function.cache_clear()
    yield micro.replace(fine_tuning={"glue": "nyu-mll/glue", "train_rows": None, "dev_rows": None})
    for function in (data.load_examples, data.load_task):
        function.cache_clear()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return RunStore(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("task", TASKS)
def test_any_task_that_is_named_runs_from_end_to_end(profile, store, task):
    examples = data.load_task(profile, task)
    assert {split: len(rows) for split, rows in examples.items()} == {
        "train": 40,
        "validation": 20 if task == "mnli_mismatched" else 30,
    }
    assert {type(label) for label in examples["train"]["labels"]} == {
        float if task == "stsb" else int
    }
    rows = measure(Run("prune_pretrain", task, 0.5, profile=profile), store)
    assert set(rows.task) == {task} and set(rows.columns) == set(COLUMNS)
    values = rows.set_index("metric").value
    assert set(values.index) == {
        "mlm_loss",
        "train_loss",
        *tasks.score(task, np.zeros((2, len(tasks.LABELS[task]))), np.zeros(2, int)),
    }
    assert values.notna().all() and values.train_loss > 0
    floor = measure(Run("majority", task, profile=profile), store).set_index("metric").value
    labels = np.array(examples["train"]["labels"])
    if task == "stsb":
        assert (
            floor.train_loss == pytest.approx(labels.var())
            and floor.pearson == floor.spearmanr == 0
        )
    else:
        shares = np.bincount(labels) / len(labels)
        assert floor.train_loss == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-6)


def test_regression_learns_to_a_lower_squared_error_than_the_mean(profile, tmp_path):
    train = data.load_task(profile, "stsb")["train"]
    tokenizer = data.load_tokenizer(profile.model)
    model = training.load_classifier(profile.model, tasks.LABELS["stsb"])
    assert model.config.problem_type == "regression" and model.config.num_labels == 1
    trainer = training.fine_tune(
        model, tokenizer, train, epochs=60, batch_size=8, learning_rate=5e-3, output_dir=tmp_path
    )
    logits, labels = training.predict(model, tokenizer, train)
    assert logits.shape == (40, 1) and labels.dtype.kind == "f"
    assert tasks.task_loss("stsb", logits, labels) < 0.5 * labels.var()
    assert tasks.score("stsb", logits, labels)["pearson"] > 0.7
    batch = trainer.data_collator(
        [
            {k: row[k] for k in ("input_ids", "attention_mask", "token_type_ids", "labels")}
            for row in train.select(range(8))
        ]
    )
    assert model(**batch).loss.item() == pytest.approx(
        tasks.task_loss("stsb", logits[:8], labels[:8]), rel=1e-4
    )


@pytest.mark.parametrize("condition", ["from_scratch", "info_deletion", "prune_downstream"])
def test_every_condition_takes_regression(profile, store, condition):
    values = (
        measure(
            Run(condition, "stsb", 0.0 if condition == "from_scratch" else 0.5, profile=profile),
            store,
        )
        .set_index("metric")
        .value
    )
    assert -1 <= values.pearson <= 1 and values.train_loss > 0


def test_sweep_of_the_command_line_shows_regression(profile, store, monkeypatch, capsys):
    monkeypatch.setattr(profiles, "current", lambda: profile)
    cli.main(
        [
            "--conditions",
            "majority",
            "--tasks",
            "stsb",
            "cola",
            "--seeds",
            "0",
            "--out",
            str(store.folder),
        ]
    )
    shown = capsys.readouterr().out
    assert "stsb" in shown and "Pearson" in shown


def test_mismatched_set_that_a_copy_lacks(profile, hub, tmp_path, monkeypatch):
    (tmp_path / "nyu-mll" / "glue" / "mnli").mkdir(parents=True)
    for split in ("train", "validation_matched"):
        (tmp_path / "nyu-mll" / "glue" / "mnli" / f"{split}-00000-of-00001.parquet").write_bytes(
            (hub / "nyu-mll" / "glue" / "mnli" / f"{split}-00000-of-00001.parquet").read_bytes()
        )
    files = [
        {"split": split, "path": f"mnli/{split}-00000-of-00001.parquet"}
        for split in ("train", "validation_matched")
    ]
    (tmp_path / "nyu-mll" / "glue" / "README.md").write_text(
        f"---\nconfigs: {json.dumps([{'config_name': 'mnli', 'data_files': files}])}\n---\n"
    )
    monkeypatch.setenv("HUB_MIRROR", str(tmp_path))
    with pytest.raises(
        ValueError,
        match="no split 'validation_mismatched' of 'mnli_mismatched'; it has train, "
        "validation_matched",
    ):
        data.load_examples(profile, "mnli_mismatched")

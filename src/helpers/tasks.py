"""The tasks: GLUE's columns and labels, how predictions are scored, and what needs no model."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.special import log_softmax

from . import pocket
from .profiles import ASSETS

COLUMNS = pocket.COLUMNS | {
    "mnli_mismatched": pocket.COLUMNS["mnli"],
    "mrpc": ("sentence1", "sentence2"),
    "stsb": ("sentence1", "sentence2"),
    "rte": ("sentence1", "sentence2"),
    "wnli": ("sentence1", "sentence2"),
}

# One label means regression, as in transformers: STS-B's score of similarity, from 0 to 5
LABELS = pocket.LABELS | {
    "mnli_mismatched": pocket.LABELS["mnli"],
    "mrpc": ("not_equivalent", "equivalent"),
    "stsb": ("similarity",),
    "rte": ("entailment", "not_entailment"),
    "wnli": ("not_entailment", "entailment"),
}

NAMES = {
    "cola": "CoLA",
    "sst2": "SST-2",
    "qqp": "QQP",
    "mnli": "MNLI",
    "qnli": "QNLI",
    "mnli_mismatched": "MNLI mismatched",
    "mrpc": "MRPC",
    "stsb": "STS-B",
    "rte": "RTE",
    "wnli": "WNLI",
}

# The validation set, where it is not called that. A run of mnli_mismatched trains on MNLI, as one
# of mnli does.
VALIDATION = {"mnli": "validation_matched", "mnli_mismatched": "validation_mismatched"}


def check_task(task: str) -> str:
    """Return `task`, or raise a ValueError that lists the valid ones."""
    if task not in COLUMNS:
        raise ValueError(f"unknown task {task!r}; choose from {', '.join(COLUMNS)}")
    return task


def is_regression(task: str) -> bool:
    """Whether a task asks for a number instead of a label (STS-B does)."""
    return len(LABELS[check_task(task)]) == 1


def main_metric(task: str) -> str:
    """The metric a task's results are compared by: the paper's accuracy, for STS-B Pearson's r.

    Examples
    --------
    >>> main_metric("cola"), main_metric("stsb")
    ('accuracy', 'pearson')
    """
    return "pearson" if is_regression(task) else "accuracy"


@cache
def _metric(task):
    import evaluate  # seconds that figures need not wait for

    return evaluate.load(str(ASSETS / "glue_metric.py"), task, keep_in_memory=True)


def score(task: str, logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Metrics of a task's predictions, computed by `evaluate`.

    Parameters
    ----------
    task : str
    logits : numpy.ndarray
        Shape (examples, labels); for regression (examples, 1).
    labels : numpy.ndarray
        Shape (examples,): class indices, for regression scores.

    Returns
    -------
    dict
        ``accuracy`` and, where GLUE reports another, ``matthews_correlation`` or ``f1``; for STS-B
        ``pearson`` and ``spearmanr``. Correlations of a constant prediction are 0.
    """
    predictions = logits[:, 0] if is_regression(task) else logits.argmax(-1)
    return _metric(task).compute(predictions=predictions, references=labels)


def task_loss(task: str, logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean loss that fine-tuning lowers: cross entropy in nats, for STS-B the squared error.

    Parameters
    ----------
    task : str
    logits : numpy.ndarray
        Shape (examples, labels); for regression (examples, 1).
    labels : numpy.ndarray
        Shape (examples,).

    Returns
    -------
    float

    Examples
    --------
    >>> task_loss("stsb", np.array([[1.0], [4.0]]), np.array([2.0, 2.0]))
    2.5
    """
    if is_regression(task):
        return float(np.mean((logits[:, 0] - labels) ** 2))
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def constant_logits(task: str, train_labels: Sequence, count: int) -> np.ndarray:
    """The best prediction that does not look at the text.

    It is the training set's label frequencies, or its mean score.

    Parameters
    ----------
    task : str
    train_labels : sequence of int or float
    count : int
        How many predictions.

    Returns
    -------
    numpy.ndarray
        `count` equal rows of logits, shape (count, labels).
    """
    if is_regression(task):
        return np.full((count, 1), np.mean(train_labels))
    counts = np.bincount(train_labels, minlength=len(LABELS[task]))
    return np.log(np.tile((counts + 1e-9) / counts.sum(), (count, 1)))

"""The tasks: GLUE's columns and labels, how their predictions are scored, and what needs no model."""

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

# The validation set, where it is not called that. A run of mnli_mismatched trains on MNLI, as one of mnli does.
VALIDATION = {"mnli": "validation_matched", "mnli_mismatched": "validation_mismatched"}


def check_task(task):
    """Return `task`, or raise a ValueError that lists the valid ones."""
    if task not in COLUMNS:
        raise ValueError(f"unknown task {task!r}; choose from {', '.join(COLUMNS)}")
    return task


def is_regression(task):
    """Whether a task asks for a number instead of a label (STS-B does)."""
    return len(LABELS[check_task(task)]) == 1


def main_metric(task):
    """The metric a task's results are compared by: the paper's accuracy, for STS-B the Pearson correlation."""
    return "pearson" if is_regression(task) else "accuracy"


@cache
def _metric(task):
    import evaluate  # seconds that figures need not wait for

    return evaluate.load(str(ASSETS / "glue_metric.py"), task, keep_in_memory=True)


def score(task, logits, labels):
    """Metrics of a task's predictions, computed by `evaluate`.

    Parameters
    ----------
    task : str
    logits : numpy.ndarray
        Shape (examples, labels).
    labels : numpy.ndarray
        Shape (examples,).

    Returns
    -------
    dict
        ``accuracy`` and, where GLUE reports another, ``matthews_correlation`` or ``f1``; for STS-B ``pearson`` and
        ``spearmanr``. Correlations of a constant prediction are 0.
    """
    predictions = logits[:, 0] if is_regression(task) else logits.argmax(-1)
    return _metric(task).compute(predictions=predictions, references=labels)


def task_loss(task, logits, labels):
    """The mean loss that fine-tuning lowers: cross entropy in nats, for STS-B the squared error.

    Parameters are those of `score`.

    Returns
    -------
    float
    """
    if is_regression(task):
        return float(np.mean((logits[:, 0] - labels) ** 2))
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def constant_logits(task, train_labels, count):
    """The best prediction that does not look at the text: the training set's label frequencies, or its mean score.

    Returns
    -------
    numpy.ndarray
        `count` equal rows of logits.
    """
    if is_regression(task):
        return np.full((count, 1), np.mean(train_labels))
    counts = np.bincount(train_labels, minlength=len(LABELS[task]))
    return np.log(np.tile((counts + 1e-9) / counts.sum(), (count, 1)))

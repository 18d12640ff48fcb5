"""The tasks: what a task is, GLUE's, how predictions are scored, and what needs no model."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import log_softmax

from . import pocket
from .profiles import ASSETS, Profile


@dataclass(frozen=True)
class Task:
    """A task: where its examples lie, what a model reads, what it answers, how that is scored.

    GLUE's are in `GLUE`. `helpers.own.describe` makes one of a file or a data set of yours.

    Attributes
    ----------
    name : str
        In results; letters, digits and underscores.
    columns : tuple of str
        The column of text, or the two of a pair.
    labels : tuple of str
        The names of the labels, by class index. One means regression, as in transformers.
    metrics : tuple of str
        Names in ``assets/glue_metric.py``; results are compared by the first.
    title : str
        In figures; default the name.
    data : str, optional
        A file, a folder or a hub id. None: the profile's ``fine_tuning.glue``.
    config : str, optional
        Of a hub data set that has several; for GLUE's tasks the name, unless it says otherwise.
    label, train : str
        The column of labels and the split to train on.
    validation : str or float
        The split to measure on, or the share of the training split that is held out for it.
    """

    name: str
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    metrics: tuple[str, ...] = ("accuracy",)
    title: str = ""
    data: str | None = None
    config: str | None = None
    label: str = "label"
    train: str = "train"
    validation: str | float = "validation"

    def __post_init__(self):
        object.__setattr__(self, "title", self.title or self.name)

    @property
    def is_regression(self) -> bool:
        """Whether the task asks for a number instead of a label."""
        return len(self.labels) == 1


_PAIR = ("sentence1", "sentence2")
_F1 = ("accuracy", "f1")


def _pocket(name, title, metrics=("accuracy",)):
    """A task of GLUE that the pocket world has, too."""
    return Task(name, pocket.COLUMNS[name], pocket.LABELS[name], metrics, title)


def _mnli(name, title, which):
    """MNLI, with one of its two validation sets."""
    return dataclasses.replace(
        _pocket("mnli", title), name=name, config="mnli", validation=f"validation_{which}"
    )


# The paper's accuracy first, then what GLUE reports beside it. A run of mnli_mismatched trains on
# MNLI, as one of mnli does. STS-B asks for a score of similarity, from 0 to 5.
GLUE = {
    task.name: task
    for task in (
        _pocket("cola", "CoLA", ("accuracy", "matthews_correlation")),
        _pocket("sst2", "SST-2"),
        _pocket("qqp", "QQP", _F1),
        _mnli("mnli", "MNLI", "matched"),
        _pocket("qnli", "QNLI"),
        _mnli("mnli_mismatched", "MNLI mismatched", "mismatched"),
        Task("mrpc", _PAIR, ("not_equivalent", "equivalent"), _F1, "MRPC"),
        Task("stsb", _PAIR, ("similarity",), ("pearson", "spearmanr"), "STS-B"),
        Task("rte", _PAIR, ("entailment", "not_entailment"), title="RTE"),
        Task("wnli", _PAIR, ("not_entailment", "entailment"), title="WNLI"),
    )
}
COLUMNS = {name: task.columns for name, task in GLUE.items()}
LABELS = {name: task.labels for name, task in GLUE.items()}
NAMES = {name: task.title for name, task in GLUE.items()}


def get(task: str | Task, profile: Profile | None = None) -> Task:
    """The task of a name: one of GLUE's, or one of the profile's own; a `Task` is itself.

    Raises
    ------
    ValueError
        If there is none of this name; the message lists the valid ones.
    """
    if isinstance(task, Task):
        return task
    known = GLUE | {own.name: own for own in (profile.own_tasks if profile else ())}
    if task not in known:
        raise ValueError(
            f"unknown task {task!r}; choose from {', '.join(known)}, or describe a file or a data "
            "set of yours with helpers.own.describe (in a shell: --task data=FILE)"
        )
    return known[task]


def with_own(profile: Profile, task: str | Task) -> Profile:
    """The profile, with a task of one's own among those that it knows.

    Raises
    ------
    ValueError
        If it knows another one of the same name.
    """
    if not isinstance(task, Task) or GLUE.get(task.name) == task or task in profile.own_tasks:
        return profile
    if task.name in GLUE or task.name in (own.name for own in profile.own_tasks):
        raise ValueError(
            f"there is another task named {task.name!r}; give yours another name, so that results "
            "can be told apart"
        )
    return profile.replace(own_tasks=(*profile.own_tasks, task))


def title(name: str) -> str:
    """What a task is called in figures: GLUE's by their titles, others by their own names."""
    return NAMES.get(name, name)


def is_regression(task: str | Task) -> bool:
    """Whether a task asks for a number instead of a label (STS-B does)."""
    return get(task).is_regression


def main_metric(task: str | Task) -> str:
    """The metric a task's results are compared by: the paper's accuracy, for STS-B Pearson's r.

    Examples
    --------
    >>> main_metric("cola"), main_metric("stsb")
    ('accuracy', 'pearson')
    """
    return get(task).metrics[0]


@cache
def _metric(metrics):
    import evaluate  # seconds that figures need not wait for

    return evaluate.load(str(ASSETS / "glue_metric.py"), "+".join(metrics), keep_in_memory=True)


def score(task: str | Task, logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Metrics of a task's predictions, computed by `evaluate`.

    Parameters
    ----------
    task : str or Task
    logits : numpy.ndarray
        Shape (examples, labels); for regression (examples, 1).
    labels : numpy.ndarray
        Shape (examples,): class indices, for regression scores.

    Returns
    -------
    dict
        ``accuracy`` and, where GLUE reports another, ``matthews_correlation`` or ``f1``; for STS-B
        ``pearson`` and ``spearmanr``. Correlations of a constant prediction are 0.

    Raises
    ------
    ValueError
        If a prediction is NaN or infinite.
    """
    if not np.isfinite(logits).all():
        lost = int((~np.isfinite(logits)).any(-1).sum())
        raise ValueError(
            f"{get(task).title}: {lost} of {len(logits)} predictions are NaN or infinite, so the "
            "training diverged. Lower the learning rate, or warm up for longer"
        )
    predictions = logits[:, 0] if is_regression(task) else logits.argmax(-1)
    return _metric(get(task).metrics).compute(predictions=predictions, references=labels)


def task_loss(task: str | Task, logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean loss that fine-tuning lowers: cross entropy in nats, for STS-B the squared error.

    Parameters
    ----------
    task : str or Task
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


def constant_logits(task: str | Task, train_labels: Sequence, count: int) -> np.ndarray:
    """The best prediction that does not look at the text.

    It is the training set's label frequencies, or its mean score.

    Parameters
    ----------
    task : str or Task
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
    counts = np.bincount(train_labels, minlength=len(get(task).labels))
    return np.log(np.tile((counts + 1e-9) / counts.sum(), (count, 1)))

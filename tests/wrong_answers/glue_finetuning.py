"""Typical wrong answers in notebook 05, by what the check says of them."""

import numpy as np
from scipy import stats


def around(half):
    """The interval that reaches this far from the mean, from the values and their number."""
    return lambda values: (
        np.mean(values),
        np.mean(values) - half(values, len(values)),
        np.mean(values) + half(values, len(values)),
    )


def deviation(values):
    return np.std(values, ddof=1)


def held(free):
    return free[free.cumprod().astype(bool)].index


WRONG = {
    "constant_accuracy": {
        "looking at the answers": lambda train, labels: max(np.bincount(labels)) / len(labels),
        "on which it was chosen": lambda train, labels: max(np.bincount(train)) / len(train),
        "tossing a coin": lambda train, labels: 1 / len(set(train)),
        "share of label 1": lambda train, labels: np.mean(np.array(labels) == 1),
        "No label is equal": lambda train, labels: float(
            labels == max(set(train), key=train.count)
        ),
        "number of sentences": lambda train, labels: labels.count(np.bincount(train).argmax()),
        "percent": lambda train, labels: (
            100 * np.mean(np.array(labels) == np.bincount(train).argmax())
        ),
        "always answering 0": lambda train, labels: sum(x == train[2] for x in labels) / 10,
        "always answering 2": lambda train, labels: 0.9,
    },
    "t_interval": {
        "1.96 is for": around(lambda values, n: 1.96 * stats.sem(values)),
        "single runs scatter": around(
            lambda values, n: stats.t.ppf(0.975, n - 1) * deviation(values)
        ),
        "divide the squares by n": around(
            lambda values, n: stats.t.ppf(0.975, n - 1) * np.std(values) / np.sqrt(n)
        ),
        "degrees of freedom are": around(
            lambda values, n: stats.t.ppf(0.975, n) * stats.sem(values)
        ),
        "leaves 5% out on each side": around(
            lambda values, n: stats.t.ppf(0.95, n - 1) * stats.sem(values)
        ),
        "two of three": around(lambda values, n: stats.sem(values)),
        "describes the runs": around(lambda values, n: deviation(values)),
        "Two shortcuts": around(lambda values, n: 1.96 * np.std(values) / np.sqrt(n)),
        "the mean is": lambda values: (np.median(values), min(values), max(values)),
        "comes before": lambda values: (np.mean(values), max(values), min(values)),
        "three numbers": lambda values: np.mean(values),
        "Return three": lambda values: (np.mean(values), (min(values), max(values))),
        "by fractions": around(lambda values, n: stats.t.ppf(97.5, n - 1)),
        "It should be": lambda values: (np.mean(values), min(values), max(values)),
    },
    "mean_over_tasks": {
        "one number": lambda accuracy: np.nanmean(accuracy),
        "for each task": lambda accuracy: accuracy.mean(),
        "hardest task is missing": lambda accuracy: accuracy.mean(axis=1),
        "counts as 0": lambda accuracy: accuracy.fillna(0).mean(axis=1),
        "drop the task": lambda accuracy: accuracy.dropna(axis=1).mean(axis=1),
        "do not guess": lambda accuracy: accuracy.fillna(accuracy.mean()).mean(axis=1),
        "complete seeds": lambda accuracy: accuracy.dropna().mean(axis=1).reset_index(drop=True),
        "with NaN in place of a mean": lambda accuracy: accuracy.mean(axis=1, skipna=False),
        "which seed is which": lambda accuracy: accuracy.dropna().mean(axis=1).to_numpy(),
        "Return a series": lambda accuracy: accuracy.dropna().mean(axis=1).to_dict(),
        "a table": lambda accuracy: accuracy.dropna(),
        "With two tasks": lambda accuracy: accuracy.dropna().sum(axis=1) / 3,
        "their means are": lambda accuracy: accuracy.dropna().median(axis=1),
    },
    "free_up_to": {
        "takes them": lambda table, margin: max(
            table.index[((table.low <= 0) & (table.loss <= margin)).cumprod()], default=0.0
        ),
        "Is a `return` missing": lambda table, margin: None,
        "better than dense": lambda table, margin: max(
            held((table.low <= 0) & (table.loss.abs() <= margin)), default=0.0
        ),
        "holds again": lambda table, margin: table.index[
            (table.low <= 0) & (table.loss <= margin)
        ].max(),
        "Both must hold": lambda table, margin: held(table.low <= 0).max(),
        "first at which the rule fails": lambda table, margin: table.index[
            (table.low > 0) | (table.loss > margin)
        ].min(),
        "exactly the margin, and": lambda table, margin: held(
            (table.low < 0) & (table.loss <= margin)
        ).max(),
        "stricter rule": lambda table, margin: max(held(table.high <= margin), default=0.0),
        "so it is certain": lambda table, margin: max(held(table.loss <= margin), default=0.0),
        "Nothing is free": lambda table, margin: held(
            (table.low <= 0) & (table.loss <= margin)
        ).max(),
        "at every sparsity": lambda table, margin: max(
            held((table.low <= 0) & (table.loss <= margin))[: len(table) - 1], default=0.0
        ),
        "Right for a margin of 1": lambda table, margin: max(
            held((table.low <= 0) & (table.loss <= 1)), default=0.0
        ),
        "and a margin of 1": lambda table, margin: 20,
    },
}

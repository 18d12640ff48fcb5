"""Means, intervals and regimes, from tidy rows."""

import numpy as np
import pandas as pd
from scipy import stats

from .conditions import UNPRUNED


def task_mean(rows, metric="accuracy"):
    """The mean over the tasks of a metric, for each condition, sparsity and seed.

    Of several learning rates the best counts, chosen on the validation set as in the paper (Sec. 3.2). Only seeds and sparsities for which every task was measured are kept, so that all means are over the
    same tasks.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows.
    metric : str

    Returns
    -------
    pandas.DataFrame
        Columns ``model``, ``condition``, ``sparsity``, ``seed``, ``value``.
    """
    keys = ["model", "condition", "sparsity", "seed"]
    runs = rows[rows.metric == metric].groupby([*keys, "task"], as_index=False)["value"]
    best = runs.min() if metric.endswith("loss") else runs.max()
    needed = best.groupby("model").task.nunique()
    means = best.groupby(keys, as_index=False).agg(value=("value", "mean"), tasks=("task", "size"))
    return (
        means[means.tasks == means.model.map(needed)].drop(columns="tasks").reset_index(drop=True)
    )


def means(rows, metric="accuracy"):
    """The mean over tasks and seeds of a metric, for each condition and sparsity.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    metric : str

    Returns
    -------
    pandas.Series
        Indexed by ``condition`` and ``sparsity``.
    """
    return task_mean(rows, metric).groupby(["condition", "sparsity"])["value"].mean()


def interval(values, confidence=0.95):
    """Mean and t-interval of independent values.

    Returns
    -------
    tuple of float
        Mean, lower and upper end; with one value the ends are NaN.
    """
    values = np.asarray(values, dtype=float)
    mean = values.mean()
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = stats.sem(values) * stats.t.ppf(0.5 + confidence / 2, len(values) - 1)
    return mean, mean - half, mean + half


def intervals(values, by=("model", "condition", "sparsity")):
    """Mean and 95% interval over seeds of a column ``value``, for each group.

    Returns
    -------
    pandas.DataFrame
        Columns of `by`, ``mean``, ``low``, ``high``, ``seeds``.
    """
    rows = [
        (*key, *interval(group), len(group)) for key, group in values.groupby(list(by))["value"]
    ]
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "seeds"])


def difference(values, condition, reference, reference_sparsity=None):
    """A condition minus a reference, seed by seed, at each sparsity.

    Parameters
    ----------
    values : pandas.DataFrame
        From `task_mean`, of one model.
    condition, reference : str
    reference_sparsity : float, optional
        Default: the same sparsity as the condition's.

    Returns
    -------
    pandas.DataFrame
        Columns ``sparsity``, ``mean``, ``low``, ``high``, ``seeds``.
    """
    return intervals(_paired(values, condition, reference, reference_sparsity), by=("sparsity",))


def _paired(values, condition, reference, reference_sparsity=None):
    """`value` of a condition minus that of a reference for each sparsity and seed."""
    left = values[values.condition == condition]
    right = values[values.condition == reference]
    if reference_sparsity is not None:
        right = right[right.sparsity == reference_sparsity].drop(columns="sparsity")
    on = ["seed"] if reference_sparsity is not None else ["seed", "sparsity"]
    both = left.merge(right, on=on, suffixes=("", "_reference"))
    return both.assign(value=both.value - both.value_reference)


def pooled_intervals(values, spread=None, confidence=0.95):
    """Mean and t-interval at each sparsity, with one standard deviation for all of them.

    Three seeds say little about their own spread. If the noise of a seed is about the same at every sparsity, all
    sparsities together say more: the variances are averaged, and the degrees of freedom add up.

    Parameters
    ----------
    values : pandas.DataFrame
        Columns ``sparsity`` and ``value``, a row a seed.
    spread : (float, int), optional
        Standard deviation and degrees of freedom to use where no sparsity has more than one value.
    confidence : float

    Returns
    -------
    pandas.DataFrame
        Indexed by sparsity: ``mean``, ``low``, ``high``; the ends are NaN where nothing is known of the noise.
    """
    groups = values.groupby("sparsity")["value"]
    count, freedom = groups.size(), (groups.size() - 1).sum()
    if freedom:
        deviation = np.sqrt((groups.var(ddof=0) * count).sum() / freedom)
    else:
        deviation, freedom = spread or (np.nan, 1)
    half = deviation / np.sqrt(count) * stats.t.ppf(0.5 + confidence / 2, freedom)
    return pd.DataFrame(
        {"mean": groups.mean(), "low": groups.mean() - half, "high": groups.mean() + half}
    )


def unpruned_spread(rows, metric="accuracy"):
    """How much a difference of two single runs varies, judged by runs that prune nothing.

    The paper has one run a cell and no error bars, but four rows at 0% sparsity, which differ by nothing but protocol
    and chance. Their standard deviation times √2 is that of a difference.

    Returns
    -------
    (float, int) or None
        Standard deviation and degrees of freedom; None with less than two such runs.
    """
    return _unpruned_spread(task_mean(rows, metric))


def _unpruned_spread(means):
    unpruned = means[
        (means.sparsity == 0) & ~means.condition.isin(UNPRUNED)
    ].value  # `dense` is one of the four over again
    return (unpruned.std() * np.sqrt(2), len(unpruned) - 1) if len(unpruned) > 1 else None


def pooled_differences(rows, condition, reference, reference_sparsity=None, metric="accuracy"):
    """A condition's task mean minus a reference's, seed by seed, with `pooled_intervals`; see `regimes`.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    condition, reference : str
    reference_sparsity : float, optional
        Default: the same sparsity as the condition's.
    metric : str

    Returns
    -------
    pandas.DataFrame
        Indexed by sparsity: ``mean``, ``low``, ``high``.
    """
    return _pooled_differences(task_mean(rows, metric), condition, reference, reference_sparsity)


def _pooled_differences(means, condition, reference, reference_sparsity=None):
    return pooled_intervals(
        _paired(means, condition, reference, reference_sparsity), _unpruned_spread(means)
    )


def regimes(rows, margin=0.01):
    """Where the three regimes lie, by a stated statistical rule.

    For each sparsity three differences of mean accuracy are taken seed by seed, with 95% intervals from
    `pooled_intervals` (where there is one run a cell, as in the paper, from `unpruned_spread`): what pruning loses
    against ``dense``, what ``info_deletion`` loses against ``dense``, and what ``info_deletion`` regains over
    pruning. A loss or a gain is *certain* where its interval lies above 0.

    - *Free* up to the highest sparsity up to which no loss by pruning is certain and the mean loss is within `margin`;
      *shown free* as far as the upper end of the interval is within `margin`, too.
    - *Deletion* where both losses are certain: accuracy is missing although every weight may move again.
    - *Restriction* where the regain is certain: letting the weights move again helps.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    margin : float
        The loss of accuracy, a fraction, that counts as none.

    Returns
    -------
    dict
        ``free_up_to`` and ``shown_free_up_to`` (floats), ``deletion`` and ``restriction`` (lists of sparsities), ``table``
        (data frame indexed by sparsity: ``pruned_loss``, ``deletion_loss`` and ``regained`` with their ``_low`` and ``_high``).
    """
    against_dense, means = (
        {"pruned_loss": "prune_pretrain", "deletion_loss": "info_deletion"},
        task_mean(rows),
    )
    found = {
        name: -_pooled_differences(means, condition, "dense", 0.0).rename(
            columns={"low": "high", "high": "low"}
        )
        for name, condition in against_dense.items()
    }
    found["regained"] = _pooled_differences(means, "info_deletion", "prune_pretrain")
    parts = {
        name if end == "mean" else f"{name}_{end}": table[end]
        for name, table in found.items()
        for end in ("mean", "low", "high")
    }
    table = (
        pd.DataFrame(parts).dropna(subset=list(found)).round(9)
    )  # one point exactly is within one point
    certain = lambda name: table[f"{name}_low"] > 0
    up_to = lambda held: (
        float(table.index[held.cumprod().astype(bool)].max())
        if held.any() and held.iloc[0]
        else 0.0
    )
    free = ~certain("pruned_loss") & (table.pruned_loss <= margin)
    return {
        "free_up_to": up_to(free),
        "shown_free_up_to": up_to(free & (table.pruned_loss_high <= margin)),
        "deletion": table.index[certain("pruned_loss") & certain("deletion_loss")].tolist(),
        "restriction": table.index[certain("regained")].tolist(),
        "table": table,
    }


def linear_fit(x, y):
    """Slope, intercept and Pearson correlation of a least-squares line (Fig. 2, left)."""
    fit = stats.linregress(x, y)
    return fit.slope, fit.intercept, fit.rvalue


def loss_and_accuracy(rows, condition="info_deletion"):
    """Mean MLM loss and accuracy at each sparsity, for each task (Fig. 2, left).

    Points at which a task's model gives the majority label are left out, as in the paper: they are a floor.

    Returns
    -------
    pandas.DataFrame
        Columns ``task``, ``sparsity``, ``mlm_loss``, ``accuracy``.
    """
    chosen = rows[(rows.condition == condition) & rows.metric.isin(["mlm_loss", "accuracy"])]
    means = (
        chosen.pivot_table(index=["task", "sparsity"], columns="metric", values="value")
        .reindex(columns=["mlm_loss", "accuracy"])
        .reset_index()
    )
    floor = (
        rows[(rows.condition == "majority") & (rows.metric == "accuracy")]
        .groupby("task")
        .value.mean()
    )
    return means[~((means.accuracy - means.task.map(floor)).abs() < 5e-4)]

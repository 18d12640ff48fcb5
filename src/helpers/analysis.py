"""Means, intervals and regimes, from tidy rows.

How intervals are made, here and in all rules and figures. Conditions are compared seed by seed. At
a sparsity with `ENOUGH` seeds the interval is Student's, from that sparsity's own differences and
nothing else. With two to four seeds the variances of all sparsities above 0 are averaged, without
those at which a run collapsed, and the degrees of freedom count what the sparsities share: they all
subtract the same dense runs. A sparsity at which a run collapsed is always judged by its own
differences, and so is 0%, where both models may be the same and their differences no noise. One run
a cell, as in the paper, borrows the spread of the runs that prune nothing.

A collapsed run stays in all means and intervals and is named beside them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from .conditions import CONDITIONS, UNPRUNED

ENOUGH = 5  # seeds, from which on a sparsity's own spread is known well enough
AT_THE_CONSTANT = 0.005  # accuracy above the constant answer that counts as none
WELL_ABOVE = 0.05  # accuracy above the constant answer that no run has by chance
MARGIN = 0.01  # loss of accuracy that counts as none

LATER = [name for name, c in CONDITIONS.items() if c.prunes and not c.prunes_pretraining]
CELL = ["model", "condition", "sparsity", "task"]


def _best_runs(rows, metric):
    """A row a run: of several learning rates the best, chosen on the validation set (Sec. 3.2).

    The training loss is that of the rate with the best accuracy, if there is one.
    """
    keys = [*CELL, "seed"]
    own = rows[rows.metric == metric]
    if metric == "train_loss" and own.duplicated(keys).any():
        best = rows[rows.metric == "accuracy"].sort_values("value", kind="stable")
        best = best.drop_duplicates(keys, keep="last").set_index(keys).learning_rate
        chosen = own.join(best.rename("chosen"), on=keys).chosen
        own = own[chosen.isna() | (own.learning_rate == chosen)]
    runs = own.groupby(keys, as_index=False)["value"]
    return runs.min() if metric.endswith("loss") else runs.max()


def task_mean(rows: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """The mean over the tasks of a metric, for each condition, sparsity and seed.

    Of several learning rates the best counts, chosen on the validation set as in the paper (Sec.
    3.2). Only seeds and sparsities for which every task was measured are kept, so that all means
    are over the same tasks.

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
    best = _best_runs(rows, metric)
    needed = best.groupby("model").task.nunique()
    means = best.groupby(keys, as_index=False).agg(value=("value", "mean"), tasks=("task", "size"))
    return (
        means[means.tasks == means.model.map(needed)].drop(columns="tasks").reset_index(drop=True)
    )


def means(rows: pd.DataFrame, metric: str = "accuracy") -> pd.Series:
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


def worth_of_pretraining(rows: pd.DataFrame) -> pd.Series | None:
    """What pre-training is worth on each task: the accuracy of dense minus that from scratch.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.

    Returns
    -------
    pandas.Series or None
        By task, means over seeds; None if one of the two was not run.
    """
    means = _best_runs(rows, "accuracy").groupby(["condition", "task"])["value"].mean()
    if not {"dense", "from_scratch"} <= set(means.index.get_level_values("condition")):
        return None
    return (means["dense"] - means["from_scratch"]).round(9)


def collapsed(rows: pd.DataFrame) -> pd.DataFrame:
    """The runs that ended at the constant answer while the other seeds of their cell did not.

    A cell is a condition, a sparsity and a task. A run of it has collapsed if its accuracy is
    within half a point of the constant answer or below it, while another seed of the cell is five
    points or more above. Without the condition ``majority`` the constant answer is not
    known, and no run is named.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows.

    Returns
    -------
    pandas.DataFrame
        A row a run: ``model``, ``condition``, ``sparsity``, ``task``, ``seed``, ``value`` (its
        accuracy) and ``constant`` (that of the constant answer).
    """
    runs = _best_runs(rows, "accuracy")
    if runs.empty:  # which pandas cannot join where pyarrow keeps the words
        return runs.assign(constant=[])
    constant = runs[runs.condition == "majority"].groupby(["model", "task"])["value"].mean()
    runs = runs[~runs.condition.isin(["majority", "from_scratch"])]
    if runs.empty:
        return runs.assign(constant=runs.value)
    runs = runs.join(constant.rename("constant"), on=["model", "task"])
    above = (runs.value - runs.constant).round(9)
    learnt = (above >= WELL_ABOVE).groupby([runs[key] for key in CELL]).transform("any")
    return runs[(above <= AT_THE_CONSTANT) & learnt].reset_index(drop=True)


# Intervals


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and t-interval of independent values.

    Returns
    -------
    tuple of float
        Mean, lower and upper end; with one value the ends are NaN.
    """
    sample = np.asarray(values, dtype=float)
    mean = sample.mean()
    if len(sample) < 2:
        return mean, np.nan, np.nan
    half = stats.sem(sample) * stats.t.ppf(0.5 + confidence / 2, len(sample) - 1)
    return mean, mean - half, mean + half


def intervals(
    values: pd.DataFrame, by: Iterable[str] = ("model", "condition", "sparsity")
) -> pd.DataFrame:
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


def pooled_deviation(values: pd.DataFrame) -> tuple[float, float]:
    """One standard deviation of a seed for all sparsities, and its degrees of freedom.

    The variances are averaged. Were the sparsities independent, their degrees of freedom would add
    up. But a seed's differences all subtract the same dense run, so they go up and down together,
    and the sum is divided by 1 + (k - 1) r², with the mean correlation r of the k sparsities
    (Satterthwaite).

    Parameters
    ----------
    values : pandas.DataFrame
        Columns ``sparsity``, ``seed`` and ``value``, with two seeds or more at each sparsity.

    Returns
    -------
    (float, float)
        Standard deviation and degrees of freedom.
    """
    wide = values.pivot_table(index="seed", columns="sparsity", values="value")
    freedom = (wide.count() - 1).sum()
    variance = ((wide - wide.mean()) ** 2).sum().sum() / freedom
    count = wide.shape[1]
    between = wide.cov().to_numpy()[~np.eye(count, dtype=bool)]
    between = between[~np.isnan(between)]  # two sparsities may share no seeds
    r = np.clip(between.mean() / variance, -1, 1) if len(between) and variance else 0.0
    return np.sqrt(variance), freedom / (1 + (count - 1) * r**2)


def seed_intervals(
    values: pd.DataFrame,
    spread: tuple[float, float] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Mean and t-interval over seeds at each sparsity, by the rule at the top of this file.

    Parameters
    ----------
    values : pandas.DataFrame
        Columns ``sparsity``, ``seed``, ``value`` and, if known, ``collapsed``; a row a seed.
    spread : (float, float), optional
        Standard deviation and degrees of freedom to use where no sparsity has more than one seed.
    confidence : float

    Returns
    -------
    pandas.DataFrame
        Indexed by sparsity: ``mean``, ``low``, ``high``, ``seeds``, ``collapsed`` (how many of the
        seeds), and what the interval was made of: ``deviation`` and ``freedom``. These and the ends
        are NaN where nothing is known of the noise.
    """
    if "collapsed" not in values:
        values = values.assign(collapsed=False)
    cells = values.groupby("sparsity")
    seeds, fallen = cells.size(), cells["collapsed"].sum().astype(int)
    sound = seeds.index[(seeds > 1) & (fallen == 0) & (seeds.index > 0)]
    if len(sound):
        deviation, freedom = pooled_deviation(values[values.sparsity.isin(sound)])
    else:
        deviation, freedom = spread or (np.nan, np.nan)
    own = (seeds >= ENOUGH) | ((fallen > 0) | (seeds.index == 0)) & (seeds > 1)
    table = pd.DataFrame(
        {
            "mean": cells["value"].mean(),
            "seeds": seeds,
            "collapsed": fallen,
            "deviation": cells["value"].std().where(own, deviation),
            "freedom": (seeds - 1.0).where(own, freedom),
        }
    )
    half = table.deviation / np.sqrt(seeds) * stats.t.ppf(0.5 + confidence / 2, table.freedom)
    table.insert(1, "low", table["mean"] - half)
    table.insert(2, "high", table["mean"] + half)
    return table


def seeds_needed(
    deviation: float, half_width: float, confidence: float = 0.95, most: int = 200
) -> int | None:
    """How many seeds make a t-interval of at most a given half-width.

    Parameters
    ----------
    deviation : float
        Standard deviation of a seed.
    half_width : float
        In the same unit.
    confidence : float
    most : int

    Returns
    -------
    int or None
        None if `most` would not do.
    """
    n = np.arange(2, most + 1)
    enough = stats.t.ppf(0.5 + confidence / 2, n - 1) * deviation / np.sqrt(n) <= half_width
    return int(n[enough][0]) if enough.any() else None


def unpruned_spread(rows: pd.DataFrame, metric: str = "accuracy") -> tuple[float, float] | None:
    """How much a difference of two single runs varies, judged by runs that prune nothing.

    The paper has one run a cell and no error bars, but four rows at 0% sparsity, which differ by
    nothing but protocol and chance. Their standard deviation times √2 is that of a difference.

    Returns
    -------
    (float, int) or None
        Standard deviation and degrees of freedom; None with less than two such runs, and for the
        training loss, which falls with the epochs. Runs of one seed with the same value count once:
        they may be the same computation.
    """
    if metric == "train_loss":
        return None
    values = task_mean(rows, metric)
    # `dense` is one of the four over again
    unpruned = values[(values.sparsity == 0) & ~values.condition.isin(UNPRUNED)]
    unpruned = unpruned.drop_duplicates(["seed", "value"]).value
    return (unpruned.std() * np.sqrt(2), len(unpruned) - 1) if len(unpruned) > 1 else None


def paired(
    rows: pd.DataFrame,
    condition: str,
    reference: str = "dense",
    metric: str = "accuracy",
    at: float | None = None,
) -> pd.DataFrame:
    """A condition's mean over the tasks minus a reference's, a row a seed and sparsity.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    condition, reference : str
    metric : str
    at : float, optional
        The sparsity of the reference. Default: 0 if the reference prunes nothing, else that of the
        condition.

    Returns
    -------
    pandas.DataFrame
        Columns ``sparsity``, ``seed``, ``value`` and ``collapsed``: whether one of the runs
        compared has collapsed.
    """
    at = 0.0 if reference in UNPRUNED else at
    keys = ["condition", "sparsity", "seed"]
    fallen = collapsed(rows)[keys].drop_duplicates().assign(fallen=True)
    values = task_mean(rows, metric).merge(fallen, "left", on=keys)
    left, right = (values[values.condition == name] for name in (condition, reference))
    if at is not None:
        right = right[right.sparsity == at].drop(columns="sparsity")
    on = ["seed"] if at is not None else ["seed", "sparsity"]
    both = left.merge(right, on=on, suffixes=("", "_reference"))
    both = both.assign(
        value=both.value - both.value_reference,
        collapsed=both.fallen.notna() | both.fallen_reference.notna(),
    )
    return both[["sparsity", "seed", "value", "collapsed"]]


def differences(
    rows: pd.DataFrame,
    condition: str,
    reference: str = "dense",
    metric: str = "accuracy",
    at: float | None = None,
) -> pd.DataFrame:
    """The mean of `paired` over seeds at each sparsity, with 95% intervals.

    Parameters
    ----------
    rows, condition, reference, metric, at
        As for `paired`.

    Returns
    -------
    pandas.DataFrame
        As from `seed_intervals`.
    """
    both = paired(rows, condition, reference, metric, at)
    return seed_intervals(both, unpruned_spread(rows, metric))


def ends_in_words(low: float, high: float, digits: int, sign: str = "") -> str:
    """The ends of an interval, such as "0.4 to 2.0"; NaN is that of a single run.

    Parameters
    ----------
    low, high : float
    digits : int
        After the point.
    sign : str
        "+" to show the sign of ends above 0, too.

    Returns
    -------
    str
    """
    if np.isnan(low):
        return "one run, no interval"
    return f"{low:{sign}.{digits}f} to {high:{sign}.{digits}f}"


def in_words(row: pd.Series, scale: float, digits: int, unit: str = "", sign: str = "+") -> str:
    """A mean with its interval in words; collapsed runs are named.

    Parameters
    ----------
    row : pandas.Series
        ``mean``, ``low`` and ``high``; if known also ``seeds`` and ``collapsed``, as from
        `differences`.
    scale : float
        By which the numbers are multiplied.
    digits : int
        After the point.
    unit : str
    sign : str
        "+" to show the sign of a mean above 0, too.

    Returns
    -------
    str
    """
    mean, low, high = (
        round(scale * row[end], digits) + 0.0 for end in ("mean", "low", "high")
    )  # no -0.0
    runs = row.get("collapsed", 0)
    fallen = f"; {runs:.0f} of {row.seeds:.0f} seeds collapsed" if runs else ""
    number = f"{mean:{sign}.{digits}f} {unit}".strip()
    return f"{number} ({ends_in_words(low, high, digits)}{fallen})"


def in_points(row: pd.Series, sign: str = "+") -> str:
    """A row of `differences` in words, such as "+1.2 points (0.4 to 2.0)"; see `in_words`."""
    return in_words(row, 100, 1, "points", sign)


def curve_table(
    rows: pd.DataFrame, metric: str = "accuracy", task: str | None = None, relative: bool = False
) -> pd.DataFrame:
    """What a figure draws of a metric against sparsity: means with 95% intervals over seeds.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    metric : str
        Of the MLM loss, conditions that prune after pre-training have no curve.
    task : str, optional
        Default: the mean over the tasks.
    relative : bool
        `differences` from dense, with the intervals that the rules read, instead of the values with
        t-intervals of their own, cut to what a loss or an accuracy can be. Without dense runs there
        are no differences.

    Returns
    -------
    pandas.DataFrame
        Columns ``condition``, ``sparsity``, ``mean``, ``low``, ``high``, ``seeds``.
    """
    rows = rows[rows.task == task] if task else rows
    if metric == "mlm_loss":  # what is pruned later starts from a loss without pruning
        rows = rows[~rows.condition.isin(LATER)]
    if not relative:
        table = intervals(task_mean(rows, metric), by=("condition", "sparsity"))
        least = 0 if metric == "accuracy" or metric.endswith("loss") else None
        most = 1 if metric == "accuracy" else None
        table[["low", "high"]] = table[["low", "high"]].clip(least, most)
        return table
    tables = [
        differences(rows, condition, metric=metric).reset_index().assign(condition=condition)
        for condition in rows.condition.unique()
    ]
    columns = ["condition", "sparsity", "mean", "low", "high", "seeds"]
    return pd.concat(tables or [pd.DataFrame(columns=columns)], ignore_index=True)[columns]


# Regimes


class Regimes(NamedTuple):
    """Where the three regimes lie; see `regimes`.

    Attributes
    ----------
    free_up_to, shown_free_up_to : float
        Sparsities.
    deletion, restriction : list of float
        Sparsities.
    table : pandas.DataFrame
        Indexed by sparsity: ``pruned_loss``, ``deletion_loss`` and ``regained`` with their ``_low``
        and ``_high``, as fractions.
    """

    free_up_to: float
    shown_free_up_to: float
    deletion: list
    restriction: list
    table: pd.DataFrame

    def at(self, sparsity: float) -> str:
        """ "free", "deletion", "restriction", "deletion and restriction", or "open".

        Where hardly anything is lost, a cause that is certain is not the news: free goes first.
        """
        if sparsity <= self.free_up_to:
            return "free"
        names = [name for name in ("deletion", "restriction") if sparsity in getattr(self, name)]
        return " and ".join(names) or "open"


def regimes(rows: pd.DataFrame, margin: float = MARGIN) -> Regimes:
    """Where the three regimes lie, by a stated statistical rule.

    For each sparsity three differences of mean accuracy are taken seed by seed, with 95% intervals
    from `differences`: what pruning loses against ``dense``, what ``info_deletion`` loses against
    ``dense``, and what ``info_deletion`` regains over pruning. A loss or a gain is *certain* where
    its interval lies above 0.

    - *Free* up to the highest sparsity up to which the mean loss is within `margin` and none is
      certain, unless it is certainly within `margin`: a small loss stays free however well it is
      known. *Shown free* as far as every loss is certainly within `margin`.
    - *Deletion* beyond what is shown free, where both losses are certain: accuracy is missing
      although every weight may move again.
    - *Restriction* beyond what is shown free, where the regain is certain: letting the weights move
      again helps.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    margin : float
        The loss of accuracy, a fraction, that counts as none.

    Returns
    -------
    Regimes
    """
    found = {
        "pruned_loss": negative(differences(rows, "prune_pretrain")),
        "deletion_loss": negative(differences(rows, "info_deletion")),
        "regained": differences(rows, "info_deletion", "prune_pretrain"),
    }
    table = pd.DataFrame(
        {
            name if end == "mean" else f"{name}_{end}": of_name[end]
            for name, of_name in found.items()
            for end in ("mean", "low", "high")
        }
    )
    # rounded, so that one point exactly is within one point; what was not run is certain of nothing
    table = table.dropna(subset="pruned_loss").round(9)
    within = table.pruned_loss_high <= margin
    shown = _up_to(within)
    free = within | (table.pruned_loss <= margin) & ~(table.pruned_loss_low > 0)
    beyond = table[table.index > shown]
    certain = {name: beyond[f"{name}_low"] > 0 for name in found}
    return Regimes(
        _up_to(free),
        shown,
        beyond.index[certain["pruned_loss"] & certain["deletion_loss"]].tolist(),
        beyond.index[certain["regained"]].tolist(),
        table,
    )


def negative(table: pd.DataFrame) -> pd.DataFrame:
    """The differences the other way round: what is lost instead of what is gained."""
    return table.assign(mean=-table["mean"], low=-table.high, high=-table.low)


def _up_to(held):
    """The last sparsity until which all that were run hold; 0 if the first does not."""
    return float(max(held.index[held.cumprod().astype(bool)], default=0.0))


# Lines of accuracy on MLM loss


def linear_fit(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Slope, intercept and Pearson correlation of a least-squares line (Fig. 2, left)."""
    fit = stats.linregress(x, y)
    return fit.slope, fit.intercept, fit.rvalue


def loss_and_accuracy(
    rows: pd.DataFrame, condition: str = "info_deletion", by_seed: bool = False
) -> pd.DataFrame:
    """MLM loss and accuracy at each sparsity, for each task (Fig. 2, left).

    The point at 0% is ``dense`` where the condition has none of its own. Points at which a task's
    mean is within half a point of the constant answer, or below it, are left out, as in the paper:
    they are a floor.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    condition : str
    by_seed : bool
        A row a seed, instead of the means over seeds.

    Returns
    -------
    pandas.DataFrame
        Columns ``task``, ``sparsity``, with `by_seed` also ``seed``, ``mlm_loss``, ``accuracy``.
    """
    own = rows[rows.condition == condition]
    if not (own.sparsity == 0).any() and len(own):
        own = pd.concat([own, rows[rows.condition == "dense"].assign(condition=condition)])
    loss, accuracy = (
        _best_runs(own, metric).set_index(["task", "sparsity", "seed"])["value"]
        for metric in ("mlm_loss", "accuracy")
    )
    points = pd.DataFrame({"mlm_loss": loss, "accuracy": accuracy}).dropna()
    constant = _best_runs(rows[rows.condition == "majority"], "accuracy").groupby("task")["value"]
    means = points.groupby(["task", "sparsity"]).mean().reset_index()
    # a task whose constant answer was not measured keeps all its points
    above = means.accuracy - means.task.map(constant.mean()).astype(float)
    means = means[~(above <= AT_THE_CONSTANT)]
    if not by_seed:
        return means
    return points.reset_index().merge(means[["task", "sparsity"]], on=["task", "sparsity"])


def line_explains(
    losses: np.ndarray, accuracies: np.ndarray, confidence: float = 0.95
) -> dict[str, float]:
    """The share R² of the variance of the mean accuracies that a falling straight line explains.

    The means over seeds scatter about the line by their noise alone, which lowers R². The jackknife
    over seeds takes this out, since it goes with one over the number of seeds, and gives a
    t-interval. With one seed the interval is Fisher's, from the scatter of the points about the
    line. A line that rises or lies flat explains nothing.

    Parameters
    ----------
    losses, accuracies : numpy.ndarray
        MLM losses and accuracies, of shape (seeds, sparsities).
    confidence : float

    Returns
    -------
    dict of str to float
        ``mean``, ``low``, ``high``, ``seeds``, ``deviation`` (of a seed).
    """
    seeds = len(losses)
    if not np.ptp(accuracies, axis=1).any():
        return {"mean": 0.0, "low": 0.0, "high": 0.0, "seeds": seeds, "deviation": 0.0}

    def explained(kept):
        r = stats.linregress(losses[kept].mean(axis=0), accuracies[kept].mean(axis=0)).rvalue
        return min(np.nan_to_num(r), 0.0) ** 2  # NaN: all accuracies are the same

    everything = explained(np.arange(seeds))
    if seeds == 1:
        ends = stats.pearsonr(losses[0], accuracies[0]).confidence_interval(confidence)
        high, low = (min(end, 0.0) ** 2 for end in ends)
        mean, deviation = everything, np.nan
    else:
        without = [explained(np.delete(np.arange(seeds), seed)) for seed in range(seeds)]
        values = seeds * everything - (seeds - 1) * np.array(without)
        mean, low, high = interval(values, confidence)
        deviation = values.std(ddof=1)
    return {"mean": mean, "low": low, "high": high, "seeds": seeds, "deviation": deviation}


def slope_contrast(
    steep: tuple[np.ndarray, np.ndarray],
    flat: tuple[np.ndarray, np.ndarray],
    factor: float,
    confidence: float = 0.95,
) -> dict[str, float]:
    """What a task loses for each nat of MLM loss, minus `factor` times what another loses.

    With several seeds each has a line of its own, and the interval is Student's over the seeds.
    With one seed it comes from the scatter of the points about the two lines.

    Parameters
    ----------
    steep, flat : (numpy.ndarray, numpy.ndarray)
        MLM losses and accuracies of the two tasks, each of shape (seeds, sparsities), of the same
        seeds.
    factor : float
    confidence : float

    Returns
    -------
    dict of str to float
        ``mean``, ``low``, ``high``, ``seeds``, ``deviation`` (of a seed), and ``steep`` and
        ``flat``, the mean losses of accuracy for a nat.
    """
    lines = [
        [stats.linregress(x, y) for x, y in zip(*points, strict=True)] for points in (steep, flat)
    ]
    lost = [-np.array([line.slope for line in of_task]) for of_task in lines]
    values, seeds = lost[0] - factor * lost[1], len(lost[0])
    mean, low, high = interval(values, confidence)
    deviation = values.std(ddof=1) if seeds > 1 else np.nan
    if seeds == 1:
        variances = np.array([lines[0][0].stderr ** 2, (factor * lines[1][0].stderr) ** 2])
        free = np.array([points[0].shape[1] - 2 for points in (steep, flat)])
        deviation = np.sqrt(variances.sum())
        freedom = variances.sum() ** 2 / (variances**2 / free).sum() if deviation else free.min()
        half = deviation * stats.t.ppf(0.5 + confidence / 2, freedom)
        low, high = mean - half, mean + half
    ends = {"mean": mean, "low": low, "high": high, "seeds": seeds, "deviation": deviation}
    return ends | {"steep": lost[0].mean(), "flat": lost[1].mean()}

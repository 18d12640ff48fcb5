"""The claims: for each of the paper's the evidence, with its 95% interval, and a verdict by a stated rule.

One function a claim; its docstring is the rule. Rules that read an interval read it alike: a claim is *supported* where the whole
interval says so, *not supported* where the whole interval says otherwise, and where it reaches to both sides nobody can
say.
"""

import inspect
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from .. import analysis, paper, profiles, reference
from ..tasks import NAMES

POINT = 0.01  # the loss of accuracy that counts as none
NATS = 0.05  # the rise of the MLM loss that counts as none: a masked word is 5% harder to guess
LITTLE = 0.05  # transfer worth less than this leaves nothing to lose
YOURS, TABLES = "your runs", "the paper's own tables"
WORDS = {True: "supported", False: "not supported", None: "cannot say"}


class Finding(NamedTuple):
    """What a source says of a claim: evidence in words, and whether the claim holds (None: cannot say)."""

    evidence: str
    holds: bool | None

    @property
    def verdict(self):
        return WORDS[self.holds]


def every(answers):
    """Whether all of several answers are yes: False if one is no, None if one is open or there are none."""
    answers = list(answers)
    return False if False in answers else None if None in answers or not answers else True


def below(low, high, bound):
    """Whether an interval lies below a bound: None if it reaches to both sides, or is not known (NaN)."""
    return True if high <= bound else False if low > bound else None


def above(low, high, bound):
    """Whether an interval lies above a bound: None if it reaches to both sides, or is not known (NaN)."""
    return True if low > bound else False if high <= bound else None


def _range(table, low=0.0, high=1.0):
    return table[(table.index > low - 1e-9) & (table.index < high + 1e-9)]


def _interval(low, high, digits):
    return "one run, no interval" if np.isnan(low) else f"{low:.{digits}f} to {high:.{digits}f}"


def _points(row, sign=""):
    row = (100 * row).round(1) + 0.0  # no -0.0
    return f"{row['mean']:{sign}.1f} points ({_interval(row.low, row.high, 1)})"


def _more(row):
    return _points(row, "+")


def _at(table, tell=_points):
    return ", ".join(f"{tell(row)} at {100 * sparsity:.0f}%" for sparsity, row in table.iterrows())


def _lost(rows, condition, **options):
    return -analysis.pooled_differences(rows, condition, "dense", 0.0, **options).rename(
        columns={"low": "high", "high": "low"}
    )


def _regained(rows):
    return analysis.pooled_differences(rows, "info_deletion", "prune_pretrain")


def _with_transfer(rows):
    """The rows of the tasks on which pre-training is worth something: others have nothing to lose. All, if that was not measured."""
    means = rows[rows.metric == "accuracy"].groupby(["condition", "task"])["value"].mean()
    if not {"dense", "from_scratch"} <= set(means.index.get_level_values("condition")):
        return rows
    worth = means["dense"] - means["from_scratch"]
    return rows[rows.task.isin(worth.index[~(worth < LITTLE)])]


# Claims that tidy rows of one model settle


def loss_kept(measured):
    """Half of claim 1: the MLM loss rises by at most 0.05 nats at every sparsity from 30% to 40% that was run.

    Parameters
    ----------
    measured : pandas.DataFrame or dict of float to float
        Tidy rows, or the rise of the MLM loss in nats at each sparsity.

    Returns
    -------
    Finding
    """
    if isinstance(measured, dict):
        rises = pd.DataFrame({"mean": measured, "low": np.nan, "high": np.nan}, dtype=float)
    else:
        rises = analysis.difference(
            analysis.task_mean(measured, "mlm_loss"), "prune_pretrain", "dense", 0.0
        ).set_index("sparsity")
    tell = lambda row: (
        f"{row['mean']:+.3f} nats"
        + (f" ({row.low:+.3f} to {row.high:+.3f})" if row.high > row.low else "")
    )
    band = _range(rises, 0.3, 0.4)
    if band.empty:
        return Finding(
            f"MLM loss {_at(rises, tell)}: 30 to 40% was not run"
            if len(rises)
            else "MLM loss: 30 to 40% was not run",
            None,
        )
    # one checkpoint has no interval, but its loss is a mean over thousands of words
    return Finding(
        f"MLM loss {_at(band, tell)}",
        every(
            (row["mean"] if np.isnan(row.high) else row.high) <= NATS + 1e-9
            for _, row in band.iterrows()
        ),
    )


def accuracy_kept(rows):
    """Half of claim 1: the mean accuracy falls by at most 1 point at every sparsity from 30% to 40% that was run."""
    lost = _range(_lost(rows, "prune_pretrain"), 0.3, 0.4)
    if lost.empty:
        return Finding("accuracy: 30 to 40% was not run", None)
    rest = "" if np.isclose(lost.index, 0.4).any() else " (40% was not run)"
    return Finding(
        f"accuracy lost: {_at(lost)}{rest}",
        every(below(row.low, row.high, POINT) for _, row in lost.iterrows()),
    )


def no_effect(rows):
    """From 30% to 40% sparsity, as far as run, the mean accuracy falls by at most 1 point and the MLM loss rises by at most
    0.05 nats.
    """
    accuracy, loss = accuracy_kept(rows), loss_kept(rows)
    return Finding(f"{accuracy.evidence}; {loss.evidence}", every([accuracy.holds, loss.holds]))


def hurt_equally(rows):
    """At every sparsity from 40% to 60% that was run, pruning and information deletion differ by at most 1 point of mean accuracy."""
    gain = _range(_regained(rows), 0.4, 0.6)
    if gain.empty:
        return Finding("40 to 60% was not run with both", None)
    same = lambda low, high: (
        True if -POINT <= low and high <= POINT else False if low > POINT or high < -POINT else None
    )
    return Finding(
        f"information deletion minus pruning: {_at(gain, _more)}",
        every(same(row.low, row.high) for _, row in gain.iterrows()),
    )


def restriction_bites(rows):
    """At some sparsity from 70% on, information deletion is certainly better than pruning; not supported if nowhere by more than 1 point."""
    gain = _range(_regained(rows), 0.7)
    if gain.empty:
        return Finding("70% or more was not run with both", None)
    holds = True if (gain.low > 0).any() else False if (gain.high <= POINT).all() else None
    return Finding(f"won back: {_at(gain, _more)}", holds)


def fits_without_recovering(rows):
    """At the highest sparsity at which information deletion is certainly better than pruning, it certainly has the lower
    training loss, and certainly less accuracy than dense.
    """
    gain = _regained(rows)
    certain = gain.index[gain.low > 0]
    if certain.empty:
        single = len(gain) and gain.low.isna().all()
        return Finding(
            "one run, no interval: nothing is certain"
            if single
            else "no sparsity at which information deletion is certainly better",
            None,
        )
    at = certain.max()
    loss = analysis.pooled_differences(
        rows, "info_deletion", "prune_pretrain", metric="train_loss"
    ).loc[at]
    lost = _lost(rows, "info_deletion").loc[at]
    told = f"{loss['mean']:+.2f} nats against pruned ({_interval(loss.low, loss.high, 2)})"
    return Finding(
        f"at {100 * at:.0f}% training loss {told}, still {_points(lost)} below dense",
        every([below(loss.low, loss.high, 0), above(lost.low, lost.high, 0)]),
    )


def straight_lines(rows):
    """On each task with transfer, MLM loss and accuracy after information deletion correlate more strongly than -0.9 over the sparsities."""
    correlations = {}
    deleted = rows[(rows.condition == "info_deletion") | (rows.sparsity == 0)]
    for task, points in (
        analysis.loss_and_accuracy(_with_transfer(deleted)).groupby("task")
        if (deleted.sparsity > 0).any()
        else ()
    ):
        points = points.dropna()
        if len(points) > 3:
            found = stats.pearsonr(points.mlm_loss, points.accuracy)
            correlations[task] = (found.statistic, *found.confidence_interval(), len(points))
    if not correlations:
        return Finding("information deletion was run at less than four sparsities", None)
    task, (r, low, high, count) = max(correlations.items(), key=lambda item: item[1][0])
    return Finding(
        f"weakest correlation {r:.2f} ({low:.2f} to {high:.2f}), {NAMES[task]}, {count} sparsities",
        every(below(low, high, -0.9) for _, low, high, _ in correlations.values()),
    )


def uneven_tasks(rows):
    """From 50% to 80% sparsity of information deletion one task with transfer loses at least five times as much accuracy as another. A task
    that ends at the constant answer may have had more to lose.
    """
    floor = (
        rows[(rows.condition == "majority") & (rows.metric == "accuracy")]
        .groupby("task")
        .value.mean()
    )
    lost = {}
    for task, of_task in _with_transfer(rows).groupby("task"):
        means = analysis.task_mean(of_task)
        means = means[means.condition == "info_deletion"].pivot_table(
            index="seed", columns="sparsity", values="value"
        )
        if {0.5, 0.8} <= set(means.columns):
            both = pd.DataFrame({"sparsity": 0.8, "value": means[0.5] - means[0.8]}).dropna()
            lost[task] = analysis.pooled_intervals(both, analysis.unpruned_spread(of_task)).loc[0.8]
            if abs(means[0.8].mean() - floor.get(task, np.nan)) < 5e-4:
                lost[task]["high"] = np.inf
    if len(lost) < 2:
        return Finding("50% and 80% were not run on two tasks with transfer", None)
    table = pd.DataFrame(lost).T.sort_values("mean")
    least, most = table.iloc[0], table.iloc[-1]
    ratio = lambda a, b: a / b if b > 0 else np.inf
    low, high = ratio(max(most.low, 0), least.high), ratio(most.high, least.low)
    told = f"{NAMES[most.name]} {_points(most)}, {NAMES[least.name]} {_points(least)}"
    if np.isnan(least.low + most.low):
        return Finding(f"from 50 to 80%: {told}", None)
    times = f"{low:.1f} to {high:.1f} times" if np.isfinite(high) else f"at least {low:.1f} times"
    return Finding(f"from 50 to 80%: {told}: {times}", above(low, high, 5))


def before_as_good(rows):
    """At no sparsity from 30% on is pruning after fine-tuning better than pruning before it by more than 1 point of mean accuracy."""
    gain = _range(analysis.pooled_differences(rows, "prune_downstream", "prune_pretrain"), 0.3)
    if gain.empty:
        return Finding("pruning after fine-tuning was not run", None)
    best = gain.loc[[gain["mean"].idxmax()]]
    return Finding(
        f"after minus before, at best {_at(best, _more)}",
        every(below(row.low, row.high, POINT) for _, row in gain.iterrows()),
    )


# Claims that are measured on the weights of a model


def _over_seeds(values, single=None):
    """Mean and ends of the interval of fractions, one a seed, and these in words. Without an interval the mean is judged: it counts all weights."""
    mean, low, high = analysis.interval(np.atleast_1d(values))
    words = (
        f"{100 * low:.1f} to {100 * high:.1f}"
        if low == low
        else "no interval"
        if single is not None
        else "one run, no interval"
    )
    words += (
        f"; single ones {100 * min(single):.1f} to {100 * max(single):.1f}%"
        if single is not None and len(single) > 1
        else ""
    )
    return (mean, low, high, words) if low == low else (mean, mean, mean, words)


def masks_kept(differences):
    """Fine-tuning changes less than 6% of the entries of the masks, at the sparsity where it changes most.

    Parameters
    ----------
    differences : float or sequence of float
        Largest fraction of entries that differ, of each seed.

    Returns
    -------
    Finding
    """
    mean, low, high, words = _over_seeds(differences)
    return Finding(
        f"at most {100 * mean:.1f}% of the entries differ ({words})", below(low, high, 0.06)
    )


def weights_move_little(average, largest_tenth, single=None):
    """Weights move by at most 4% of their matrix's order on average, and the largest tenth by less than that average.

    Parameters
    ----------
    average, largest_tenth : float or sequence of float
        Mean movement of all weights and of the largest tenth, as fractions, of each seed; None if not measured.
    single : sequence of float, optional
        Mean movements of single tasks or runs, to tell how much they differ.

    Returns
    -------
    Finding
    """
    mean, low, high, words = _over_seeds(average, single)
    stable = (
        None
        if largest_tenth is None
        else bool(np.all(np.asarray(largest_tenth) < np.asarray(average)))
    )
    largest = "not measured" if stable is None else f"{100 * np.mean(largest_tenth):.1f}%"
    return Finding(
        f"{100 * mean:.1f}% on average ({words}), the largest tenth: {largest}",
        every([below(low, high, 0.04), stable]),
    )


def order_settles(share, single=None):
    """At least 80% of the movement of the whole fine-tuning is there after the first epoch.

    Parameters
    ----------
    share : float or sequence of float
        Movement after the first epoch over movement at the end, of each seed.
    single : sequence of float, optional
        The same of single tasks, to tell how much they differ.

    Returns
    -------
    Finding
    """
    mean, low, high, words = _over_seeds(share, single)
    return Finding(
        f"{100 * mean:.1f}% of the movement in the first epoch ({words})",
        True if low >= 0.8 else False if high < 0.8 else None,
    )


def heads_pruned_evenly(least, most):
    """At 60% sparsity of every matrix each attention head is pruned by 55% to 65%.

    Parameters
    ----------
    least, most : float
        Fraction of the least and of the most pruned head that is pruned.

    Returns
    -------
    Finding
    """
    return Finding(
        f"heads pruned by {100 * least:.1f} to {100 * most:.1f}%",
        bool(0.55 <= least and most <= 0.65),
    )


FROM_ROWS = {
    1: no_effect,
    2: hurt_equally,
    3: restriction_bites,
    4: fits_without_recovering,
    5: straight_lines,
    6: uneven_tasks,
    11: before_as_good,
}
FROM_WEIGHTS = {7: masks_kept, 8: weights_move_little, 9: order_settles, 10: heads_pruned_evenly}


def rule(number):
    """The rule of a claim, in words: the first paragraph of its function's docstring."""
    if number not in FROM_ROWS | FROM_WEIGHTS:
        raise ValueError(
            f"there is no claim {number!r}; the paper's claims here are 1 to {len(FROM_ROWS | FROM_WEIGHTS)}"
        )
    return " ".join(inspect.getdoc((FROM_ROWS | FROM_WEIGHTS)[number]).split("\n\n")[0].split())


# Sources


def judge(rows, numbers=FROM_ROWS):
    """What tidy rows of one model say of claims 1 to 6 and 11.

    Parameters
    ----------
    rows : pandas.DataFrame
    numbers : iterable of int

    Returns
    -------
    dict of int to Finding
    """
    return {number: FROM_ROWS[number](rows) for number in numbers}


def _judge_weights(table):
    """Claims 7 to 10 from the shipped measurements of one model, made by ``benchmarks/weights.py``: the mean over tasks of each seed."""
    if table.empty:
        return dict.fromkeys(FROM_WEIGHTS, Finding("not measured", None))
    runs = table[table.task != "all"].pivot_table(
        index=["task", "seed"], columns=["quantity", "at"], values="value"
    )
    movement, heads = runs["movement"], table[table.task == "all"].set_index("quantity").value
    first = movement.iloc[:, 0] / movement.iloc[:, -1]
    of_seeds, of_tasks = (
        (lambda values: values.groupby("seed").mean()),
        (lambda values: values.groupby("task").mean()),
    )
    return {
        7: masks_kept(of_seeds(runs["mask_difference"].max(axis=1))),
        8: weights_move_little(
            of_seeds(movement.iloc[:, -1]),
            of_seeds(runs["largest_tenth"].iloc[:, 0]),
            of_tasks(movement.iloc[:, -1]),
        ),
        9: order_settles(of_seeds(first), of_tasks(first)),
        10: heads_pruned_evenly(heads["least_pruned_head"], heads["most_pruned_head"]),
    }


def _judge_tables():
    """All claims, by the paper's own tables; what it states in words only is not evidence."""
    epochs = paper.figure4_movement().pivot(index="task", columns="epoch", values="moved_pct_mean")
    first, moved = epochs[1] / epochs[epochs.columns.max()], paper.table2().moved_pct_mean / 100
    only = lambda where: Finding(
        f"stated in the text and drawn in {where}, without numbers to compute from", None
    )
    return judge(paper.table1_rows()) | {
        7: only("Figure 3"),
        8: weights_move_little(moved.mean(), None, moved),
        9: order_settles(first.mean(), first),
        10: only("Figure 4"),
    }


@cache
def sources():
    """The findings of the paper's own tables and of all shipped results: source → number → `Finding`."""
    weights = pd.read_csv(profiles.ASSETS / "reference" / "weights.csv")
    ours = {
        label: judge(rows) | _judge_weights(weights[weights.model == label])
        for label, rows in reference.sources().items()
    }
    return {TABLES: _judge_tables()} | ours

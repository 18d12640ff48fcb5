"""The claims: for each of the paper's the evidence, with 95% intervals, and a verdict by a rule.

One function a claim; the words beside it are its rule. A claim is *supported* where the whole
interval says so, *not supported* where the whole interval says otherwise. Where the interval
reaches to both sides nobody *can say*, or, if it is wider than the rule allows for any verdict of
support, there are *not enough seeds*. A rule without such a width (4 for the accuracy, 5, 6) asks
for an interval, or for five seeds. How intervals are made stands in `helpers.analysis`.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from . import analysis, paper, profiles, reference
from .conditions import CONDITIONS
from .tasks import title

POINT = analysis.MARGIN  # the loss of accuracy that counts as none
NATS = 0.05  # the rise of a loss that counts as none: a masked word is 5% harder to guess
LITTLE = 0.05  # transfer worth less than this leaves nothing to lose
STRAIGHT = 0.9  # the share of the variance that a straight line must explain
TIMES = 2  # how much more a task must lose than another
YOURS, TABLES = "your runs", "the paper's own tables"
WORDS = {True: "supported", False: "not supported", None: "cannot say"}
NOT_RUN, FEW = "not run", "not enough seeds"
VERDICTS = (*WORDS.values(), FEW, NOT_RUN)
MARKS = dict(zip(VERDICTS, "✔✘?…–"))

FROM_ROWS, FROM_WEIGHTS, RULES = {}, {}, {}


class Finding(NamedTuple):
    """What a source says of a claim.

    Attributes
    ----------
    evidence : str
        In words and numbers.
    holds : bool or None
        None: open.
    lacks : str or None
        Why it is open, if it is not that the evidence points both ways: "not run" or "not enough
        seeds".
    settles : str or None
        What would settle it, if it is open and that can be computed.
    """

    evidence: str
    holds: bool | None
    lacks: str | None = None
    settles: str | None = None

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""
        return self.lacks or WORDS[self.holds]


def claim(number: int, words: str, source: dict = FROM_ROWS) -> Callable:
    """Make a function the judge of a claim, by a rule in words.

    Parameters
    ----------
    number : int
        As in `helpers.paper`.
    words : str
        The rule.
    source : dict
        Where judges of this kind of evidence stand, by number: `FROM_ROWS` or another.
    """

    def register(function):
        source[number], RULES[number] = function, " ".join(words.split())
        return function

    return register


def rule(number: int) -> str:
    """The rule of a claim, in words."""
    if number not in RULES:
        raise ValueError(
            f"there is no claim {number!r}; the paper's claims here are 1 to {max(RULES)}"
        )
    return RULES[number]


def every(answers: Iterable[bool | None]) -> bool | None:
    """Whether all answers are yes: False if one is no, None if one is open or none are given."""
    answers = list(answers)
    return False if False in answers else None if None in answers or not answers else True


def together(findings: Iterable[Finding]) -> Finding:
    """One finding of a claim's parts: it holds if all do, and lacks what an open part lacks."""
    findings = list(findings)
    holds = every(finding.holds for finding in findings)
    open_parts = [finding for finding in findings if finding.holds is None]
    lacks = [finding.lacks for finding in open_parts]
    return Finding(
        "; ".join(finding.evidence for finding in findings),
        holds,
        next((word for word in (NOT_RUN, FEW) if word in lacks), None) if holds is None else None,
        # the same words of two parts are said once
        " ".join(dict.fromkeys(filter(None, (part.settles for part in open_parts)))) or None
        if holds is None
        else None,
    )


def within(low: float, high: float, least: float, most: float) -> bool | None:
    """Whether the interval from `low` to `high` lies between the bounds `least` and `most`.

    None if it crosses one, or is not known (NaN).
    """
    if least <= low and high <= most:
        return True
    return False if low > most or high < least else None


def below(low: float, high: float, bound: float) -> bool | None:
    """Whether the interval from `low` to `high` lies below a `bound`.

    None if it crosses it, or is not known (NaN).
    """
    return within(low, high, -np.inf, bound)


def above(low: float, high: float, bound: float) -> bool | None:
    """Whether the interval from `low` to `high` lies above a `bound`.

    None if it crosses it, or is not known (NaN).
    """
    return True if low > bound else False if high <= bound else None


# Evidence in words


def _range(table, low=0.0, high=1.0):
    return table[(table.index > low - 1e-9) & (table.index < high + 1e-9)]


def _points(row):
    return analysis.in_points(row, sign="")


def _at(table, tell=_points):
    return ", ".join(f"{tell(row)} at {100 * sparsity:.0f}%" for sparsity, row in table.iterrows())


# What would settle a claim


def _seeds_at(table, room):
    """How many seeds make each row's interval ± room; infinite where 200 are too few."""
    return pd.Series(
        [
            analysis.seeds_needed(deviation, far) or np.inf
            for deviation, far in zip(table.deviation, room, strict=True)
        ],
        table.index,
        dtype=float,
    )


def _sentence(row, room, seeds, where="", scale=100, unit="points", digits=1):
    """What would settle a claim: the interval that is, that must be, and the seeds it takes."""
    if np.isnan(row.deviation):
        return _MORE
    is_now = f"{where}the interval is ±{scale * (row.high - row.low) / 2:.{digits}f} {unit}"
    take = f"about {seeds:.0f} seeds" if np.isfinite(seeds) else "more than 200 seeds"
    return (
        f"{is_now}, and ±{scale * room:.{digits}f} would decide. That takes {take} instead of "
        f"{row.seeds:.0f}, if mean and spread stay as they are."
    )


_MORE = f"Run at least {analysis.ENOUGH} seeds."


def _first_up(text):
    return text[:1].upper() + text[1:]


def _hardest(table, room, **words):
    """The sentence of the row that needs the most seeds."""
    seeds = _seeds_at(table, room)
    at = seeds.idxmax()
    return _first_up(_sentence(table.loc[at], room[at], seeds[at], f"at {100 * at:.0f}% ", **words))


def _judged(table, evidence, least=-np.inf, most=np.inf, **words):
    """The finding that every row of differences lies between two bounds."""
    answers = [within(row.low, row.high, least, most) for _, row in table.iterrows()]
    holds = every(answers)
    if holds is not None:
        return Finding(evidence, holds)
    left = table[[answer is None for answer in answers]]
    room = np.minimum((left["mean"] - least).abs(), (left["mean"] - most).abs())
    # at best the mean is 0: is the interval then within the bounds?
    blunt = ~((left.high - left.low) / 2 <= min(abs(least), abs(most)))
    return Finding(evidence, None, FEW if blunt.any() else None, _hardest(left, room, **words))


def _not_run(evidence):
    return Finding(evidence, None, NOT_RUN)


def _confounded(finding, verdict, longer, who):
    """The finding, but open if its verdict may come from fine-tuning one of the two longer."""
    if finding.holds is not verdict or longer <= 0:
        return finding
    return Finding(
        f"{finding.evidence}; but {who} was fine-tuned longer",
        None,
        None,
        "Fine-tune both equally long.",
    )


def _fine_tuned_for(values, condition, sparsity):
    """Epochs in all of a condition, by the fields of `helpers.profiles.FineTuning`."""
    epochs = values[CONDITIONS[condition].epochs]
    if np.iterable(epochs) and np.iterable(epochs[0]):  # pairs of (from this sparsity on, epochs)
        epochs = [of for start, of in epochs if start <= sparsity][-1]
    return int(np.sum(epochs))


def _longer(rows, condition, reference, sparsities, at=None):
    """How many epochs longer a condition was fine-tuned than a reference, at each sparsity.

    By the rows' note or their profile; 0 where nothing is known. The reference is taken at the same
    sparsity or at another.
    """
    known = profiles.PROFILES | {profiles.current().name: profiles.current()}
    if "fine_tuning" in rows.attrs:
        values = [rows.attrs["fine_tuning"]]
    else:
        named = [known[name] for name in rows.profile.unique() if name in known]
        values = [vars(profile.fine_tuning) for profile in named]
    return np.array(
        [
            _fine_tuned_for(of, condition, s)
            - _fine_tuned_for(of, reference, s if at is None else at)
            for of in values
            for s in sparsities
        ]
        or [0]
    )


def _with_transfer(rows):
    """The rows of the tasks on which pre-training is worth something: others have nothing to lose.

    All, if that was not measured.
    """
    worth = analysis.worth_of_pretraining(rows)
    return rows if worth is None else rows[rows.task.isin(worth.index[~(worth < LITTLE)])]


# Claims that tidy rows of one model settle

_IN_NATS = {"scale": 1, "unit": "nats", "digits": 2}


def loss_kept(measured: pd.DataFrame | dict) -> Finding:
    """Half of claim 1: the MLM loss rises by at most 0.05 nats from 30% to 40%, as far as run.

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
        rises = analysis.differences(measured, "prune_pretrain", metric="mlm_loss")

    def tell(row):
        ends = analysis.ends_in_words(row.low, row.high, 3, "+")
        return f"{row['mean']:+.3f} nats" + (f" ({ends})" if row.high - row.low > 1e-9 else "")

    band = _range(rises, 0.3, 0.4)
    if band.empty:
        told = f"MLM loss {_at(rises, tell)}" if len(rises) else "MLM loss"
        return _not_run(f"{told}: 30 to 40% was not run")
    # one checkpoint has no interval, but its loss is a mean over thousands of words
    one = band.low.isna()
    band = band.assign(
        low=band.low.where(~one, band["mean"]), high=band.high.where(~one, band["mean"])
    )
    told = f"MLM loss {_at(band, tell)}"
    return _judged(band, told, most=NATS + 1e-9, scale=1, unit="nats", digits=3)


def accuracy_kept(rows: pd.DataFrame) -> Finding:
    """Half of claim 1: the mean accuracy falls by at most 1 point at 30% to 40%, as far as run."""
    lost = _range(analysis.negative(analysis.differences(rows, "prune_pretrain")), 0.3, 0.4)
    if lost.empty:
        return _not_run("accuracy: 30 to 40% was not run")
    rest = "" if np.isclose(lost.index, 0.4).any() else " (40% was not run)"
    return _judged(lost, f"accuracy lost: {_at(lost)}{rest}", most=POINT)


@claim(
    1,
    """From 30% to 40% sparsity, as far as run, the mean accuracy falls by at most 1 point and
    the MLM loss rises by at most 0.05 nats.""",
)
def no_effect(rows: pd.DataFrame) -> Finding:
    """Claim 1, both halves."""
    return together([accuracy_kept(rows), loss_kept(rows)])


@claim(
    2,
    """At every sparsity from 40% to 60% that was run, pruning and information deletion differ
    by at most 1 point of mean accuracy.""",
)
def hurt_equally(rows: pd.DataFrame) -> Finding:
    """Claim 2: what letting the weights move again wins back in the middle."""
    gain = _range(analysis.differences(rows, "info_deletion", "prune_pretrain"), 0.4, 0.6)
    if gain.empty:
        return _not_run("40 to 60% was not run with both")
    told = f"information deletion minus pruning: {_at(gain, analysis.in_points)}"
    found = _judged(gain, told, -POINT, POINT)
    won = gain.index[gain.low > POINT]
    longer = _longer(rows, "info_deletion", "prune_pretrain", won)
    return _confounded(found, False, longer.max(), "information deletion")


@claim(
    3,
    """At some sparsity from 70% on, information deletion is certainly better than pruning that
    was fine-tuned equally long. The claim is not supported if the gain is certainly at most 1
    point at every such sparsity.""",
)
def restriction_bites(rows: pd.DataFrame) -> Finding:
    """Claim 3: what letting the weights move again wins back at the end."""
    gain = _range(analysis.differences(rows, "info_deletion", "prune_pretrain"), 0.7)
    if gain.empty:
        return _not_run("70% or more was not run with both")
    told = f"won back: {_at(gain, analysis.in_points)}"
    if (gain.low > 0).any():
        longer = _longer(rows, "info_deletion", "prune_pretrain", gain.index[gain.low > 0])
        return _confounded(Finding(told, True), True, longer.min(), "information deletion")
    if (gain.high <= POINT).all():
        longer = _longer(rows, "prune_pretrain", "info_deletion", gain.index)
        return _confounded(Finding(told, False), False, longer.max(), "the pruned model")
    better = gain[gain["mean"] > 0]
    blunt = ~((gain.high - gain.low) / 2 <= POINT)
    seeds = _seeds_at(better, better["mean"])
    if len(better) and np.isfinite(seeds.min()) or gain.low.isna().all():
        at = seeds.idxmin() if len(better) else gain["mean"].idxmax()
        row = gain.loc[at]
        settles = _sentence(row, row["mean"], seeds.get(at, np.inf), f"at {100 * at:.0f}% ")
    else:
        room = gain["mean"].where(gain["mean"] > POINT, POINT - gain["mean"])
        settles = _hardest(gain, room)
    return Finding(told, None, FEW if blunt.any() else None, _first_up(settles))


@claim(
    4,
    """The training loss of information deletion is at most 0.05 nats above that of a dense model
    fine-tuned equally long, and its accuracy is certainly lower. Both hold at every sparsity from
    60% to 80% that was run.""",
)
def fits_without_recovering(rows: pd.DataFrame) -> Finding:
    """Claim 4: the fit and the accuracy against dense."""
    # a task without accuracy, such as a regression, has no loss in nats either
    rows = rows[rows.task.isin(rows[rows.metric == "accuracy"].task)]
    own = rows[(rows.condition == "info_deletion") & (rows.sparsity == 0)]
    # the paper's information deletion has a dense model of its own, fine-tuned as long
    dense = "dense" if own.empty else "info_deletion"
    loss, lost = (
        _range(analysis.differences(rows, "info_deletion", dense, metric, at=0.0), 0.6, 0.8)
        for metric in ("train_loss", "accuracy")
    )
    lost = analysis.negative(lost)
    if loss.empty or lost.empty:
        return _not_run("60 to 80% of information deletion was not run, or its training loss")
    nats = lambda row: analysis.in_words(row, 1, 2, "nats")
    fit = _judged(loss, f"training loss against dense: {_at(loss, nats)}", most=NATS, **_IN_NATS)
    longer = _longer(rows, "info_deletion", dense, loss.index, at=0.0)
    fit = _confounded(fit, True, longer.max(), "information deletion")
    answers = [above(row.low, row.high, 0) for _, row in lost.iterrows()]
    open_rows = lost[[answer is None for answer in answers]]
    holds, told = every(answers), f"accuracy below dense: {_at(lost)}"
    if holds is not None:
        lower = _confounded(Finding(told, holds), False, longer.max(), "information deletion")
        lower = _confounded(lower, True, -longer.min(), "the dense model")
        return together([fit, lower])
    few = FEW if open_rows.low.isna().any() else None
    return together([fit, Finding(told, None, few, _hardest(open_rows, open_rows["mean"].abs()))])


_FOUR = "four sparsities of information deletion above the constant answer, run with the same seeds"


def _curves(rows):
    """MLM losses and accuracies of the tasks, by task: each seeds × sparsities.

    Tasks with less than four sparsities above the constant answer are left out.
    """
    curves = {}
    points = analysis.loss_and_accuracy(rows, by_seed=True)
    for task, of_task in points.groupby("task"):
        wide = of_task.pivot(index="seed", columns="sparsity", values=["mlm_loss", "accuracy"])
        # the sparsities with the most seeds, and of these the seeds that were run at all of them
        count = wide["accuracy"].count()
        wide = wide.loc[
            :, wide.columns.get_level_values("sparsity").isin(count.index[count == count.max()])
        ]
        wide = wide.dropna()
        if len(wide) and wide["accuracy"].shape[1] >= 4 and (of_task.sparsity > 0).any():
            curves[task] = wide
    return curves


def _no_task(rows, words, tasks):
    """Open, since too few tasks have enough sparsities, or too few of those have transfer."""
    told = f"no {words} with transfer {'has' if tasks == 1 else 'have'} {_FOUR}"
    if len(_curves(rows)) < tasks:
        return _not_run(told)
    settles = f"Run more tasks on which pre-training is worth {100 * LITTLE:.0f} points or more."
    return Finding(told, None, None, settles)


def _arrays(wide):
    return wide["mlm_loss"].to_numpy(), wide["accuracy"].to_numpy()


@claim(
    5,
    """For each task with transfer, a falling straight line in the MLM loss explains at least 90%
    of the variance (R²) of the mean accuracies after information deletion. The points are the
    sparsities above the constant answer, dense included, at least four. The interval is a jackknife
    over seeds.""",
)
def straight_lines(rows: pd.DataFrame) -> Finding:
    """Claim 5; with one run a cell the interval is Fisher's, over the points."""
    curves = _curves(_with_transfer(rows))
    if not curves:
        return _no_task(rows, "task", 1)
    lines = pd.DataFrame(
        {task: analysis.line_explains(*_arrays(wide)) for task, wide in curves.items()}
    ).T
    weakest = lines["mean"].idxmin()
    # the jackknife does not know that R² ends at 1
    shown = lines.assign(high=lines.high.clip(upper=1)).loc[weakest]
    told = (
        f"weakest line, {title(weakest)}: R² {analysis.in_words(shown, 1, 2, sign='')}, "
        f"{curves[weakest]['accuracy'].shape[1]} sparsities"
    )
    answers = [within(row.low, row.high, STRAIGHT, np.inf) for _, row in lines.iterrows()]
    holds = every(answers)
    if holds is not None:
        return Finding(told, holds)
    left = lines[[answer is None for answer in answers]]
    if left.deviation.isna().any():
        return Finding(told, None, None, _MORE)
    room = (left["mean"] - STRAIGHT).abs()
    seeds = _seeds_at(left, room)
    at = seeds.idxmax()
    where = f"on {title(at)} "
    settles = _sentence(left.loc[at], room[at], seeds[at], where, scale=1, unit="of R²", digits=2)
    few = FEW if left.seeds.min() < analysis.ENOUGH else None
    return Finding(told, None, few, _first_up(settles))


@claim(
    6,
    """After information deletion, some task with transfer certainly loses at least twice as much
    accuracy for each nat of MLM loss as another. Each task's cost is the slope of its line. The
    95% intervals allow for all pairs of tasks (Bonferroni).""",
)
def uneven_tasks(rows: pd.DataFrame) -> Finding:
    """Claim 6: for each pair of tasks, the slope of one minus twice the slope of the other."""
    curves = _curves(_with_transfer(rows))
    pairs = list(itertools.permutations(curves, 2))
    if not pairs:
        return _no_task(rows, "two tasks", 2)
    contrasts = []
    for steep, flat in pairs:
        shared = curves[steep].index.intersection(curves[flat].index)
        if len(shared):
            one, other = (_arrays(curves[task].loc[shared]) for task in (steep, flat))
            found = analysis.slope_contrast(one, other, TIMES, 1 - 0.05 / len(pairs))
            contrasts.append({"steep_task": steep, "flat_task": flat} | found)
    if not contrasts:
        return _not_run("no two tasks share a seed")
    table = pd.DataFrame(contrasts)
    # the pair that shows most; while the claim is open, the one of those that are
    undecided = table[~(table.low > 0) & ~(table.high <= 0)]
    shown = table if (table.low > 0).any() or undecided.empty else undecided
    row = shown.loc[shown.low.fillna(shown["mean"]).idxmax()]
    costs = ", ".join(
        f"{title(row[f'{which}_task'])} {100 * row[which]:.1f}" for which in ("steep", "flat")
    )
    told = (
        f"points lost for a nat: {costs}; the first minus {TIMES} times the second: "
        f"{analysis.in_points(row)}"
    )
    if (table.low > 0).any():
        return Finding(told, True)
    if (table.high <= 0).all():
        return Finding(told, False)
    if row.seeds < 2:
        return Finding(told, None, None, _MORE)
    confidence = 1 - 0.05 / len(pairs)
    seeds = analysis.seeds_needed(row.deviation, abs(row["mean"]), confidence) or np.inf
    settles = _first_up(_sentence(row, abs(row["mean"]), seeds))
    return Finding(told, None, FEW if row.seeds < analysis.ENOUGH else None, settles)


@claim(
    11,
    """Pruning after fine-tuning, with as many epochs in all, never beats pruning before it by more
    than 1 point of mean accuracy, from 30% sparsity on.""",
)
def before_as_good(rows: pd.DataFrame) -> Finding:
    """Claim 11: what pruning after fine-tuning gains over pruning before."""
    gain = _range(analysis.differences(rows, "prune_downstream", "prune_pretrain"), 0.3)
    if gain.empty:
        return _not_run("pruning after fine-tuning was not run")
    certain, open_rows = gain[gain.low > POINT], gain[(gain.low <= POINT) & (gain.high > POINT)]
    among = open_rows if len(open_rows) else gain
    shown = certain.low.idxmax() if len(certain) else among["mean"].idxmax()
    where = "most certain" if len(certain) else "at best"
    told = f"after minus before, {where} {_at(gain.loc[[shown]], analysis.in_points)}"
    at = certain.index if len(certain) else gain.index
    longer = _longer(rows, "prune_downstream", "prune_pretrain", at)
    found = _judged(gain, told, most=POINT)
    # one sparsity at which it was not longer is enough
    found = _confounded(found, False, longer.min(), "the model pruned after fine-tuning")
    return _confounded(found, True, -longer.min(), "the model pruned before it")


# Claims that are measured on the weights of a model


def _over_seeds(values, single=None):
    """Mean and ends of the interval of fractions, one a seed, and these in words.

    Without an interval the mean is judged: it counts all weights.
    """
    mean, low, high = analysis.interval(np.atleast_1d(values))
    if low == low:
        words = f"{100 * low:.1f} to {100 * high:.1f}"
    else:
        words = "one run, no interval" if single is None else "no interval"
        low = high = mean
    if single is not None and len(single) > 1:
        words += f"; single ones {100 * min(single):.1f} to {100 * max(single):.1f}%"
    return mean, low, high, words


@claim(
    7,
    """Fine-tuning changes at most 6% of the entries of the masks, at the sparsity where it
    changes most.""",
    FROM_WEIGHTS,
)
def masks_kept(differences: float | list) -> Finding:
    """Claim 7.

    Parameters
    ----------
    differences : float or sequence of float
        Largest fraction of entries that differ, of each seed.

    Returns
    -------
    Finding
    """
    mean, low, high, words = _over_seeds(differences)
    told = f"at most {100 * mean:.1f}% of the entries differ ({words})"
    return Finding(told, below(low, high, 0.06))


@claim(
    8,
    """Weights move by at most 4% of the ranks of their matrix on average, and the largest tenth
    by less than that average.""",
    FROM_WEIGHTS,
)
def weights_move_little(
    average: float | Sequence[float] | None,
    largest_tenth: float | Sequence[float] | None,
    single: Sequence[float] | None = None,
) -> Finding:
    """Claim 8.

    Parameters
    ----------
    average, largest_tenth : float or sequence of float
        Mean movement of all weights and of the largest tenth, as fractions, of each seed; None if
        not measured.
    single : sequence of float, optional
        Mean movements of single tasks or runs, to tell how much they differ.

    Returns
    -------
    Finding
    """
    mean, low, high, words = _over_seeds(average, single)
    told, kept = f"{100 * mean:.1f}% on average ({words})", below(low, high, 0.04)
    if largest_tenth is None:
        # a tenth that nobody measured leaves the claim open, whatever the mean says
        return Finding(f"{told}, the largest tenth: not measured", every([kept, None]))
    stable = bool(np.all(np.asarray(largest_tenth) < np.asarray(average)))
    told = f"{told}, the largest tenth: {100 * np.mean(largest_tenth):.1f}%"
    return Finding(told, every([kept, stable]))


@claim(
    9,
    """At least 80% of the movement in the whole fine-tuning is there after the first epoch.""",
    FROM_WEIGHTS,
)
def order_settles(share: float | Sequence[float], single: Sequence[float] | None = None) -> Finding:
    """Claim 9.

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
        within(low, high, 0.8, np.inf),
    )


@claim(
    10,
    """With every matrix pruned to 60%, each attention head loses 55% to 65% of its weights.""",
    FROM_WEIGHTS,
)
def heads_pruned_evenly(least: float, most: float) -> Finding:
    """Claim 10.

    Parameters
    ----------
    least, most : float
        Fraction of the least and of the most pruned head that is pruned.

    Returns
    -------
    Finding
    """
    return Finding(
        f"heads lose {100 * least:.1f} to {100 * most:.1f}% of their weights",
        bool(0.55 <= least and most <= 0.65),
    )


# Sources


def judge(rows: pd.DataFrame, numbers: Iterable[int] = FROM_ROWS) -> dict[int, Finding]:
    """What tidy rows of one model say of claims 1 to 6 and 11, which all read the accuracy.

    Parameters
    ----------
    rows : pandas.DataFrame
    numbers : iterable of int

    Returns
    -------
    dict of int to Finding
    """
    if len(rows) and not (rows.metric == "accuracy").any():
        return dict.fromkeys(numbers, _not_run("these runs have no accuracy, which the rule reads"))
    return {number: FROM_ROWS[number](rows) for number in numbers}


def _judge_weights(table):
    """Claims 7 to 10 from the shipped measurements of one model, made by ``benchmarks/weights.py``.

    Judged is the mean over tasks of each seed.
    """
    if table.empty:
        return dict.fromkeys(FROM_WEIGHTS, _not_run("not measured"))
    runs = table[table.task != "all"].pivot_table(
        index=["task", "seed"], columns=["quantity", "at"], values="value"
    )
    movement, heads = runs["movement"], table[table.task == "all"].set_index("quantity").value
    first, last = movement.iloc[:, 0] / movement.iloc[:, -1], movement.iloc[:, -1]
    of_seeds = lambda values: values.groupby("seed").mean()
    of_tasks = lambda values: values.groupby("task").mean()
    return {
        7: masks_kept(of_seeds(runs["mask_difference"].max(axis=1))),
        8: weights_move_little(
            of_seeds(last), of_seeds(runs["largest_tenth"].iloc[:, 0]), of_tasks(last)
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
def sources() -> dict[str, dict[int, Finding]]:
    """What the paper's own tables and all shipped results say: source → number → `Finding`."""
    weights = reference.weights()
    ours = {
        label: judge(rows) | _judge_weights(weights[weights.model == label])
        for label, rows in reference.sources().items()
    }
    return {TABLES: _judge_tables()} | ours

"""The three regimes and their two causes, drawn as the rule of `helpers.analysis` reads them."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator

from ..analysis import MARGIN, differences, paired, regimes
from ..conditions import CONDITIONS, Condition
from .lines import floor_lines
from .style import COLORS, METRIC_LABEL, Look, Style, label_ends, sparsity_axis

# Colour, letters and hatch of each regime
REGIMES = {
    "free": (COLORS[2], "free", ""),
    "open": ((0.85, 0.85, 0.85), "?", ""),
    "deletion": (COLORS[1], "del", "//"),
    "deletion and restriction": (COLORS[3], "del\n+ res", "xx"),
    "restriction": (COLORS[4], "res", "\\\\"),
}


def regime_differences(rows: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """The three differences that `helpers.analysis.regimes` reads, with its intervals and verdicts.

    What pruning and information deletion lose against dense, and what the second regains over the
    first. The regimes are shaded, the loss that counts as none is a dotted line.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    ax : matplotlib.axes.Axes, optional
    """
    ax, table = ax or plt.gca(), regimes(rows).table
    table = table[table.index > 0]
    styles: dict[str, tuple[Style | Condition, str, str]] = {
        "pruned_loss": (CONDITIONS["prune_pretrain"], "-", "lost by pruning"),
        "deletion_loss": (CONDITIONS["info_deletion"], "-", "lost by information deletion"),
        "regained": (Style("black", "D", ""), ":", "regained by letting the weights move"),
    }
    for name, (style, line, label) in styles.items():
        x, y = 100 * table.index, 100 * table[name]
        low, high = (100 * table[f"{name}_{end}"] for end in ("low", "high"))
        ax.plot(x, y, color=style.color, marker=style.marker, linestyle=line, label=label)
        ax.fill_between(x, low, high, color=style.color, alpha=0.15, linewidth=0)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.axhline(100 * MARGIN, color="0.4", linestyle=":", linewidth=1)
    shade_regimes(rows, ax)
    ax.set_ylabel("accuracy (points)")
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
    return sparsity_axis(ax)


def shade_regimes(rows: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Shade the regimes behind a figure over sparsity, each with a hatch and a name at the top.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model, judged by `helpers.analysis.regimes`.
    ax : matplotlib.axes.Axes, optional
        Its x axis is sparsity in percent.
    """
    ax = ax or plt.gca()
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom, top + 0.15 * (top - bottom))  # room for the names
    for kind, start, stop in regime_spans(rows):
        color, _, hatch = REGIMES[kind]
        ax.axvspan(
            start, stop, facecolor=(color, 0.15), edgecolor=(color, 0.25), hatch=hatch, zorder=0
        )
        ax.annotate(
            kind.replace(" and ", "\nand ").replace("open", "?"),
            ((start + stop) / 2, 0.98),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            fontsize=9,
        )
    return ax


def regime_spans(rows: pd.DataFrame) -> list[tuple[str, float, float]]:
    """The regimes as stretches of an axis: kind, and from where to where in percent of sparsity.

    A regime reaches half-way to the next sparsity that was measured.
    """
    found = regimes(rows)
    sparsities = [0.0, *found.table.index[found.table.index > 0]]
    kinds = ["free", *map(found.at, sparsities[1:])]
    bounds = [0, *(50 * (a + b) for a, b in itertools.pairwise(sparsities))]
    bounds.append(100 * sparsities[-1] + 5)
    spans = []
    for kind, group in itertools.groupby(range(len(kinds)), key=kinds.__getitem__):
        places = list(group)
        spans.append((kind, bounds[places[0]], bounds[places[-1] + 1]))
    return spans


def regime_map(sources: dict[str, pd.DataFrame], ax: Axes | None = None) -> Axes:
    """Which regime each source is in at each sparsity, by the rule of `helpers.analysis.regimes`.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        Name of the source → tidy rows of one model.
    ax : matplotlib.axes.Axes, optional
    """
    ax = ax or plt.gca()
    for y, rows in enumerate(sources.values()):
        found = regimes(rows)
        for sparsity in found.table.index[found.table.index > 0]:
            color, letters, _ = REGIMES[found.at(sparsity)]
            x = 100 * sparsity
            ax.add_patch(
                Rectangle((x - 4.6, y - 0.42), 9.2, 0.84, color=color, alpha=0.75, linewidth=0)
            )
            ax.annotate(letters, (x, y), ha="center", va="center", fontsize=9)
    ax.set_yticks(range(len(sources)), list(sources))
    ax.set_ylim(len(sources) - 0.5, -0.5)
    ax.grid(False)
    key = "free · del: deletion · res: restriction · ?: not free, yet no cause is certain"
    ax.annotate(key, (0, 1.02), xycoords="axes fraction", fontsize=9, color="0.3")
    sparsity_axis(ax)
    ax.set_xlim(4, 96)
    ax.set_xticks(range(10, 100, 10))
    return ax


def loss_in_parts(
    parts: pd.DataFrame, title: str, ax: Axes | None = None, ends: pd.DataFrame | None = None
) -> Axes:
    """The accuracy that pruning loses at each sparsity, in two parts, as stacked bars.

    Parts of unlike sign both start from 0.

    Parameters
    ----------
    parts : pandas.DataFrame
        Indexed by sparsity, a fraction: ``deletion`` and ``restriction``, in points.
    title : str
    ax : matplotlib.axes.Axes, optional
    ends : pandas.DataFrame, optional
        ``low`` and ``high`` of the restriction's interval, in points, with the same index; drawn
        where that part ends.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, x = ax or plt.gca(), 100 * parts.index
    stacked = np.where(parts.deletion * parts.restriction > 0, parts.deletion, 0)
    deletion: Look = {"color": CONDITIONS["info_deletion"].color}
    restriction: Look = {
        "color": CONDITIONS["prune_pretrain"].color,
        "hatch": "//",
        "edgecolor": "white",
    }
    ax.bar(x, parts.deletion, 7, label="deletion: lost although\nevery weight may move", **deletion)
    ax.bar(
        x,
        parts.restriction,
        7,
        bottom=stacked,
        label="restriction: won back when\nthe zeros may move",
        **restriction,
    )
    if ends is not None:
        for place, start, low, high in zip(x, stacked, ends.low, ends.high, strict=True):
            look: Look = {"color": "black", "marker": "_", "markersize": 8, "linewidth": 1.3}
            ax.plot([place, place], [start + low, start + high], **look)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_ylabel("accuracy lost against dense (points)")
    ax.set_title(title)
    ax.xaxis.set_major_locator(MultipleLocator(10))
    return sparsity_axis(ax)


def paired_seeds(
    rows: pd.DataFrame,
    condition: str,
    reference: str = "dense",
    *,
    shift: float = 0,
    look: Look | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A condition's accuracy minus a reference's: a dot a seed, the mean with its 95% interval.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    condition, reference : str
    shift : float
        How far to the right of the sparsity, in %, so that two conditions do not overprint.
    look : dict, optional
        Keywords of `matplotlib.axes.Axes.errorbar`; default the condition's own.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, style = ax or plt.gca(), CONDITIONS[condition]
    usual: Look = {"color": style.color, "marker": style.marker, "linestyle": "", "markersize": 7}
    usual |= {"capsize": 4, "label": style.label}
    seeds, found = paired(rows, condition, reference), differences(rows, condition, reference)
    seeds, found = seeds[seeds.sparsity > 0], found[found.index > 0]
    single: Look = {"s": 14, "color": "0.45", "alpha": 0.6, "linewidths": 0, "zorder": 3}
    ax.scatter(100 * seeds.sparsity + shift - 1.3, 100 * seeds.value, **single)
    ends = [100 * (found["mean"] - found.low), 100 * (found.high - found["mean"])]
    ax.errorbar(100 * found.index + shift, 100 * found["mean"], ends, **usual | (look or {}))
    ax.axhline(0, color="black", linewidth=0.8)
    ax.xaxis.set_major_locator(MultipleLocator(10))
    return sparsity_axis(ax)


def unlocked(own: pd.DataFrame, title: str, ax: Axes | None = None) -> Axes:
    """What the learner's pruned models gain when their zeros may move: an arrow a sparsity.

    Parameters
    ----------
    own : pandas.DataFrame
        Tidy rows of one task and seed with ``dense``, ``prune_pretrain`` and ``info_deletion``.
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    rows = own[own.metric == "accuracy"]
    accuracy = 100 * rows.groupby(["condition", "sparsity"]).value.mean()
    locked, free = accuracy["prune_pretrain"], accuracy["info_deletion"]
    sparsities = locked.index.intersection(free.index)
    floor_lines(
        pd.DataFrame({"condition": ["dense"], "mean": [accuracy["dense", 0.0] / 100]}),
        "accuracy",
        ax,
    )
    lowest, highest = min(locked.min(), free.min()) - 4, max(accuracy["dense", 0.0], free.max()) + 4
    for number, s in enumerate(sparsities):
        if abs(free[s] - locked[s]) > 0.06 * (highest - lowest):  # else the marks hide it
            ax.annotate(
                "",
                (number, free[s]),
                (number, locked[s]),
                arrowprops={"arrowstyle": "->", "color": "0.3", "shrinkA": 8, "shrinkB": 8},
            )
        told = f"{free[s] - locked[s]:+.1f} points"
        place: Look = {"xytext": (-12, 0), "textcoords": "offset points", "ha": "right"}
        ax.annotate(told, (number, (free[s] + locked[s]) / 2), va="center", **place)
    ends = {}
    # two sizes: both show where they meet
    for condition, of_condition, size in (
        ("prune_pretrain", locked, 11),
        ("info_deletion", free, 7),
    ):
        style, heights = CONDITIONS[condition], of_condition[sparsities]
        ax.plot(range(len(heights)), heights, style.marker, color=style.color, markersize=size)
        ends[style.label] = (len(heights) - 1, heights.iloc[-1], style.color)
    ax.set_xlim(-0.6, len(sparsities) - 0.2)
    ax.set_ylim(lowest, highest)
    label_ends(ends, ax)
    ax.set_xticks(range(len(sparsities)), [f"{s:.0%} pruned" for s in sparsities])
    ax.grid(visible=False)
    ax.set_ylabel(METRIC_LABEL["accuracy"])
    ax.set_title(title)
    return ax


def steps_of_two_tasks(
    steps: pd.DataFrame, claimed: dict[str, float], title: str, ax: Axes | None = None
) -> Axes:
    """What an extra share of pruning costs one task against another, a mark for each step.

    Parameters
    ----------
    steps : pandas.DataFrame
        A row a step: ``condition``, ``floored`` (bool: drawn hollow) and the points lost by each
        task, under its name.
    claimed : dict of str to float
        Name of a task → points, first that of the x axis, then that of the y axis; drawn as a star.
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, (x, y) = ax or plt.gca(), claimed
    for condition, of_condition in steps.groupby("condition", sort=False):
        style = CONDITIONS[condition]
        filled, hollow = (
            of_condition[of_condition.floored == floored] for floored in (False, True)
        )
        look: Look = {"marker": style.marker, "s": 60, "edgecolor": style.color}
        ax.scatter(filled[x], filled[y], facecolor=style.color, label=style.label, **look)
        ax.scatter(hollow[x], hollow[y], facecolor="none", **look)
    star: Look = {"marker": "*", "markersize": 18, "color": "black", "linestyle": ""}
    ax.plot(claimed[x], claimed[y], label="the paper's sentence", **star)
    ax.set_xlabel(f"{x}: accuracy lost (points)")
    ax.set_ylabel(f"{y}: accuracy lost (points)")
    ax.set_title(title)
    ax.legend()
    return ax


def called_free(
    losses: np.ndarray,
    shares: dict[str, np.ndarray],
    margin: float,
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """How often a comparison calls a sparsity free, against what is truly lost there.

    Parameters
    ----------
    losses : numpy.ndarray
        True losses in points, shape (n,).
    shares : dict of str to numpy.ndarray
        Name of a line → comparisons that say free, in %, shape (n,).
    margin : float
        The measured loss, in points, up to which a comparison says free.
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    for number, (name, share) in enumerate(shares.items()):
        marker: Look = {"marker": "osD^vX"[number % 6], "markevery": max(1, len(losses) // 5)}
        ax.plot(losses, share, label=name, **marker)
    ax.axvline(margin, color="0.5", linewidth=1)
    ax.annotate(" margin", (margin, 2), fontsize=9, color="0.3")
    ax.set_xlabel("true loss (points)")
    ax.set_ylabel("comparisons that call it free (%)")
    ax.set_title(title)
    ax.legend()
    return ax

"""Ways of pruning against one another: schedules, seeds and paired differences."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .style import COLORS, LINES, Look, method_style, sparsity_axis


def schedule_lines(schedules: dict[str, tuple], ax: Axes | None = None) -> Axes:
    """Sparsity against step for several schedules.

    Parameters
    ----------
    schedules : dict of str to (steps, sparsities)
    """
    ax = ax or plt.gca()
    for number, (name, (steps, sparsities)) in enumerate(schedules.items()):
        ax.plot(
            steps,
            100 * np.asarray(sparsities),
            label=name,
            linestyle=LINES[number % len(LINES)],
            color=COLORS[number % 10],
        )
    ax.set_xlabel("training step")
    ax.set_ylabel("sparsity (%)")
    ax.set_ylim(-2, 102)
    ax.legend()
    return ax


def against_sparsity(
    table: pd.DataFrame,
    ylabel: str,
    title: str,
    *,
    styles: dict | None = None,
    ends: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    percent: bool = True,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """A line against sparsity for each column of a table.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by sparsity, a fraction; a column for each line. The ways of pruning that
        `method_style` knows look as they do everywhere.
    ylabel, title : str
        The title is what the figure shows.
    styles : dict of str to dict, optional
        Column → keywords of `matplotlib.axes.Axes.plot`, in place of the usual look.
    ends : (pandas.DataFrame, pandas.DataFrame), optional
        Lower and upper ends of intervals, tables like the first; drawn as bands.
    percent : bool
        Draw the values in percent, for fractions.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, scale = ax or plt.gca(), 100 if percent else 1
    for number, name in enumerate(table):
        style = (styles or {}).get(name) or _usual_style(name, number)
        (line,) = ax.plot(100 * table.index, scale * table[name], **style | {"label": name})
        if ends is not None:
            low, high = (scale * end[name] for end in ends)
            ax.fill_between(100 * table.index, low, high, color=line.get_color(), alpha=0.15)
    ax.set_ylabel(ylabel)
    ax.set_title(title)
    ax.legend()
    return sparsity_axis(ax)


def _usual_style(name, number):
    """The look of a way of pruning; of anything else, a marker by its number."""
    if name in ("magnitude", "gradual", "one shot", "random"):
        return method_style(name)
    return {"marker": "os^DXv"[number % 6]}


def means_and_seeds(table: pd.DataFrame, styles: dict, ax: plt.Axes | None = None) -> plt.Axes:
    """A line through the means over seeds for each column of a table, each seed as a small mark.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by x and seed; a column for each line.
    styles : dict of str to dict
        Column → keywords of `matplotlib.axes.Axes.plot`, with a marker and a colour.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, x = ax or plt.gca(), table.index.get_level_values(0)
    for name, style in styles.items():
        means = table[name].groupby(level=0).mean()
        ax.plot(means.index, means, **style | {"label": name})
        single = {"marker": style["marker"], "color": style["color"], "markersize": 4, "alpha": 0.4}
        ax.plot(x, table[name], linestyle="", **single)
    ax.legend()
    return ax


def interval_bars(intervals: dict, styles: dict, ax: plt.Axes | None = None) -> plt.Axes:
    """Means with their intervals as error bars, a line for each name.

    Parameters
    ----------
    intervals : dict of str to pandas.DataFrame
        Name → columns ``mean``, ``low`` and ``high``, indexed by x.
    styles : dict of str to dict
        Name → keywords of `matplotlib.axes.Axes.errorbar`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    for name, found in intervals.items():
        ends = [found["mean"] - found.low, found.high - found["mean"]]
        style = styles[name] | {"label": name}
        ax.errorbar(found.index, found["mean"], ends, capsize=4, **style)
    ax.axhline(0, color="0.4", linewidth=1)
    ax.legend()
    return ax


def finishes(raced: pd.DataFrame, methods: Sequence[str], ax: Axes | None = None) -> Axes:
    """Each seed's result as a dot, a column for each sparsity and way of pruning.

    Parameters
    ----------
    raced : pandas.DataFrame
        Columns ``method``, ``sparsity`` (a fraction), ``seed`` and ``value`` (accuracy in %).
    methods : sequence of str
        In the order of the columns; `method_style` knows them.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, ticks = ax or plt.gca(), {}
    for group, (sparsity, rows) in enumerate(raced.groupby("sparsity")):
        for number, method in enumerate(methods):
            x, style = group * (len(methods) + 1) + number, method_style(method)
            values = rows[rows.method == method].value
            look: Look = {"color": style["color"], "marker": style["marker"]}
            ax.plot([x] * len(values), values, linestyle="", alpha=0.45, markersize=6, **look)
            ax.hlines(values.mean(), x - 0.35, x + 0.35, color=style["color"], linewidth=3)
            ticks[x] = f"{method}\n{sparsity:.0%}"
    ax.set_xticks(list(ticks), list(ticks.values()), fontsize=9)
    ax.set_ylabel("test accuracy (%); bar: mean")
    ax.grid(False, axis="x")
    return ax


def paired_gains(gain: pd.DataFrame, gains: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Differences of two runs seed by seed as dots, beside their means and 95% intervals.

    Parameters
    ----------
    gain : pandas.DataFrame
        Columns ``sparsity`` and ``value``, in points.
    gains : pandas.DataFrame
        Indexed by sparsity: ``mean``, ``low``, ``high``, as `helpers.analysis.intervals` gives.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, (color, marker) = ax or plt.gca(), (COLORS[0], "o")
    for x, (sparsity, found) in enumerate(gains.iterrows()):
        values = gain[gain.sparsity == sparsity].value
        ax.plot([x - 0.12] * len(values), values, marker, color="0.55", alpha=0.7, label="_seeds")
        ends = [[found["mean"] - found.low], [found.high - found["mean"]]]
        ax.errorbar([x + 0.12], [found["mean"]], ends, fmt=marker, color=color, capsize=5, ms=9)
    ax.axhline(0, color="0.4", linewidth=1)
    ax.set_xticks(range(len(gains)), [f"{sparsity:.0%} sparsity" for sparsity in gains.index])
    ax.set_xlim(-0.5, len(gains) - 0.5)
    ax.set_ylabel("difference (points of accuracy)")
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom, top + 0.1 * (top - bottom))  # room for the words
    ax.annotate(
        "small: each seed; large: mean, 95% interval",
        (0.02, 0.97),
        xycoords="axes fraction",
        va="top",
        fontsize=9,
        color="0.3",
    )
    ax.grid(False, axis="x")
    return ax


def choices_in_common(shared: pd.DataFrame, gain: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """What a slow choice of weights wins, against how much of it the quick choice shares.

    Parameters
    ----------
    shared : pandas.DataFrame
        Columns ``sparsity``, ``seed`` and ``value``: of the weights that the slow net keeps, the
        share, in %, that the quick one keeps too.
    gain : pandas.DataFrame
        The same columns; the value is slow minus quick, in points.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    both = shared.merge(gain, on=["sparsity", "seed"], suffixes=("", "_gain"))
    for number, (sparsity, rows) in enumerate(both.groupby("sparsity")):
        look: Look = {"color": COLORS[(0, 1)[number % 2]], "marker": "os"[number % 2]}
        ax.scatter(rows.value, rows.value_gain, s=50, alpha=0.8, **look)
        top = rows.loc[rows.value_gain.idxmax()]
        place: Look = {"xytext": (0, 10), "textcoords": "offset points", "ha": "center"}
        words = f"{sparsity:.0%} sparsity"
        ax.annotate(words, (rows.value.mean(), top.value_gain), color=look["color"], **place)
    ax.axhline(0, color="0.4", linewidth=1)
    ax.margins(0.12, 0.15)
    ax.set_xlabel("weights of the gradual net that one shot keeps too (%)")
    ax.set_ylabel("gradual minus one shot (points)")
    return ax

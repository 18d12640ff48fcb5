"""Accuracy and losses against sparsity: a colour a condition, a line style a source."""

import textwrap
from collections.abc import Collection, Iterable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..analysis import curve_table, differences, linear_fit, loss_and_accuracy
from ..conditions import CONDITIONS
from ..tasks import title
from .style import (
    COLORS,
    LINES,
    METRIC_LABEL,
    RELATIVE_LABEL,
    Look,
    label_ends,
    legend_at_ends,
    scale_of,
    sparsity_axis,
)

THE_FOUR = ("prune_pretrain", "info_deletion", "prune_downstream", "random")


def curves(
    sources: dict[str, pd.DataFrame],
    metric: str = "accuracy",
    conditions: Sequence[str] = THE_FOUR,
    *,
    task: str | None = None,
    relative: bool = False,
    floors: bool = True,
    mine: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A metric against sparsity, a line for each condition and source, with 95% intervals.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        Name of the source → tidy rows of one model. The first is drawn with solid lines and full
        markers.
    metric : str
        ``accuracy`` (drawn in %), ``train_loss`` or ``mlm_loss``.
    conditions : sequence of str
    task : str, optional
        Default: the mean over the tasks.
    relative : bool
        Draw the differences from each source's dense runs, with the intervals that the rules read.
    floors : bool
        Draw the dense, from-scratch and majority values of the first source as horizontal lines.
    mine : pandas.DataFrame, optional
        The learner's own rows, drawn as stars.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    tables = {name: curve_table(rows, metric, task, relative) for name, rows in sources.items()}
    shown = curve_lines(tables, metric, conditions, ax=ax)
    if floors and tables:
        floor_lines(next(iter(tables.values())), metric, ax)
    legend = legend_handles(shown, sources)
    if mine is not None:
        legend += own_runs(mine, metric, task, ax)
    ax.legend(handles=legend)
    ax.set_ylabel((RELATIVE_LABEL if relative else METRIC_LABEL).get(metric, metric))
    first = next(iter(sources.values()), None)
    count = 0 if first is None else first[first.metric == metric].task.nunique()
    ax.set_title(title(task) if task else f"mean over {count} task{'s' * (count != 1)}")
    return sparsity_axis(ax)


def curve_lines(
    tables: dict[str, pd.DataFrame],
    metric: str,
    conditions: Sequence[str],
    *,
    bands: bool = True,
    ax: Axes | None = None,
) -> list[str]:
    """The lines and bands of `curves`, from the tables of `helpers.analysis.curve_table`.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Name of the source → its table.
    metric : str
    conditions : sequence of str
    bands : bool
        Draw the intervals.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    list of str
        The conditions of which there was something to draw.
    """
    ax, scale, shown = ax or plt.gca(), scale_of(metric), []
    for number, table in enumerate(tables.values()):
        dense = table[table.condition == "dense"]
        for condition in conditions:
            line = table[table.condition == condition].sort_values("sparsity")
            if line.empty:
                continue
            if condition != "dense" and not (line.sparsity == 0).any():
                line = pd.concat([dense, line])  # the dense model is its point at 0%
            color, x = CONDITIONS[condition].color, 100 * line.sparsity
            ax.plot(
                x,
                scale * line["mean"],
                color=color,
                marker=CONDITIONS[condition].marker,
                linestyle=LINES[number % len(LINES)],
                markerfacecolor="white" if number else color,
                markersize=6,
                linewidth=1.3 if number else 1.8,
            )
            if bands:
                low, high = scale * line.low, scale * line.high
                ax.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
            if condition not in shown:
                shown.append(condition)
    return shown


def floor_lines(table: pd.DataFrame, metric: str, ax: Axes | None = None) -> None:
    """The dense, from-scratch and majority values as horizontal lines with names.

    Parameters
    ----------
    table : pandas.DataFrame
        From `helpers.analysis.curve_table`.
    metric : str
        The MLM loss has no floors.
    ax : matplotlib.axes.Axes, optional
    """
    ax = ax or plt.gca()
    # where the lines leave room: dense at the right, the others left, above and below theirs
    places = {
        "dense": ("--", 0.995, "right", 2),
        "from_scratch": (":", 0.005, "left", 2),
        "majority": ("-.", 0.005, "left", -2),
    }
    for condition, (style, x, side, points) in places.items():
        level = table[table.condition == condition]["mean"]
        if level.empty or metric == "mlm_loss":
            continue
        y = scale_of(metric) * level.iloc[0]
        ax.axhline(y, color=CONDITIONS[condition].color, linestyle=style, linewidth=1)
        ax.annotate(
            CONDITIONS[condition].label,
            (x, y),
            xycoords=("axes fraction", "data"),
            xytext=(0, points),
            textcoords="offset points",
            fontsize=9,
            ha=side,
            va="bottom" if points > 0 else "top",
            color="0.3",
        )


def own_runs(
    rows: pd.DataFrame, metric: str, task: str | None = None, ax: Axes | None = None
) -> list[Line2D]:
    """The learner's own runs as stars.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows; those of other metrics and tasks are left out. A run is of one task, so it has no
        place among means over tasks; the MLM loss is the same for all.
    metric : str
    task : str, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    list of matplotlib.lines.Line2D
        An entry for the legend, or none if there was nothing to draw.
    """
    ax = ax or plt.gca()
    rows = rows[(rows.metric == metric) & ((rows.task == task) | (metric == "mlm_loss"))]
    star: Look = {"linestyle": "", "marker": "*", "markeredgecolor": "black"}
    for condition, of_condition in rows.groupby("condition"):
        ax.plot(
            100 * of_condition.sparsity,
            scale_of(metric) * of_condition.value,
            markersize=16,
            color=CONDITIONS[condition].color,
            zorder=5,
            **star,
        )
    own = Line2D([], [], markersize=13, color="white", label="your own run", **star)
    return [own] if len(rows) else []


def legend_handles(conditions: Iterable[str], sources: Collection[str]) -> list[Line2D]:
    """Legend entries for conditions (colour, marker) and sources (line style), as in `curves`."""
    handles = [
        Line2D(
            [],
            [],
            color=CONDITIONS[c].color,
            marker=CONDITIONS[c].marker,
            label=CONDITIONS[c].label,
        )
        for c in conditions
    ]
    return handles + [
        Line2D(
            [],
            [],
            color="0.3",
            linestyle=LINES[i % len(LINES)],
            marker="o",
            markerfacecolor="0.3" if i == 0 else "white",
            label=name,
        )
        for i, name in enumerate(sources)
        if len(sources) > 1
    ]


def labelled_curves(
    rows: pd.DataFrame,
    metric: str = "accuracy",
    conditions: Sequence[str] = THE_FOUR,
    *,
    floors: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """`curves` of one source, mean over its tasks, with names at the lines' ends and no legend.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    metric : str
    conditions : sequence of str
    floors : bool
        Draw the dense, from-scratch and majority values as horizontal lines.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = curves({"": rows}, metric, conditions, floors=floors, ax=ax)
    ax.set_title("")
    if metric.endswith("loss"):
        ax.set_ylim(0)
    return legend_at_ends(ax)


def against_dense(
    sources: dict[str, pd.DataFrame],
    condition: str = "prune_pretrain",
    metric: str = "accuracy",
    task: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A condition's difference from dense against sparsity, with the intervals that the rules read.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        Name of the source → tidy rows of one model; those without the condition are left out.
    condition, metric : str
    task : str, optional
        Default: the mean over each source's tasks.
    ax : matplotlib.axes.Axes, optional
    """
    ax = ax or plt.gca()
    for number, (source, rows) in enumerate(sources.items()):
        of_task = rows[rows.task == task] if task else rows
        line = _lost(of_task, condition, metric)
        if len(line):
            _draw_loss(line, metric, number, ax, label=source)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_ylabel(RELATIVE_LABEL[metric])
    ax.set_title(f"{CONDITIONS[condition].label}, {title(task) if task else 'mean over tasks'}")
    ax.legend()
    return sparsity_axis(ax)


def _lost(rows, condition, metric):
    """A condition's differences from dense, above 0% sparsity."""
    line = differences(rows, condition, metric=metric)
    return line[line.index > 0]


def _draw_loss(line, metric, number, ax, **look):
    """A source's differences from dense as a line that begins at 0, with its band; its colour."""
    x, color = [0, *(100 * line.index)], COLORS[number % len(COLORS)]
    ends = ("mean", "low", "high")
    mean, low, high = (np.append(0, scale_of(metric) * line[end]) for end in ends)
    usual = {"marker": "osD^vX"[number % 6], "linestyle": LINES[number % len(LINES)]}
    ax.plot(x, mean, color=color, **usual | look)
    ax.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
    return color


def beside_the_course(
    yours: dict[str, pd.DataFrame],
    course: dict[str, pd.DataFrame],
    condition: str = "prune_pretrain",
    metric: str = "accuracy",
    ax: Axes | None = None,
) -> Axes:
    """What a condition costs in your results, beside the course's, with names at the lines' ends.

    Differences from each source's own dense runs, since levels of different models and tasks say
    little about pruning. Where all your rows are of one task, sources that have it show that task;
    the others, and several tasks, are means.

    Parameters
    ----------
    yours : dict of str to pandas.DataFrame
        Name → tidy rows of one model; drawn as stars on heavy lines.
    course : dict of str to pandas.DataFrame
        The same, to compare with; drawn thin. Those without the metric are left out.
    condition, metric : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Its title says what yours lose.

    Raises
    ------
    ValueError
        If results of yours have no dense runs, or none of the condition.
    """
    ax, scale = ax or plt.gca(), scale_of(metric)
    own_tasks = {task for rows in yours.values() for task in rows.task}
    drawn = {}
    others = {name: rows for name, rows in course.items() if name not in yours}
    for name, rows in (yours | others).items():
        if own_tasks <= set(rows.task):
            rows = rows[rows.task.isin(own_tasks)]
        line = _lost(rows, condition, metric)
        if name in yours and line.empty:
            raise ValueError(
                f"{name}: nothing to draw. What is lost is measured against dense, so it takes "
                f"runs of dense and of {condition} on one task with one seed, and {metric} of both"
            )
        if len(line):
            drawn[name] = line
    heavy: Look = {"linewidth": 2.5, "marker": "*", "markersize": 15}
    heavy |= {"markeredgecolor": "black", "clip_on": False, "zorder": 4}
    thin: Look = {"linewidth": 1.2, "markersize": 5}
    ends, lost = {}, []
    edge = 100 * max(line.index.max() for line in drawn.values())
    for number, (name, line) in enumerate(drawn.items()):
        color = _draw_loss(line, metric, number, ax, label=name, **heavy if name in yours else thin)
        last = float(scale * line["mean"].iloc[-1])
        ends[textwrap.fill(name, 20)] = (edge, last, color)
        if name in yours:
            told = f"{-last:z.1f} points" if metric == "accuracy" else f"{last:+z.2f}"
            lost.append(f"{told} at {100 * line.index[-1]:.3g}% ({name})")
    ax.axhline(0, color="black", linewidth=0.8)
    word = "Lost against dense" if metric == "accuracy" else "Against dense"
    ax.set_title(textwrap.fill(f"{word}: {', '.join(lost)}", 70))
    label = METRIC_LABEL.get(metric, metric)
    ax.set_ylabel(RELATIVE_LABEL.get(metric, f"{label} against dense"))
    return label_ends(ends, sparsity_axis(ax))


def small_multiples(
    rows: pd.DataFrame,
    conditions: Sequence[str],
    axes: Sequence[Axes],
    task: str | None = None,
) -> list[str]:
    """The accuracy against dense, a panel a condition; the other conditions are grey behind it.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    conditions : sequence of str
        One for each of `axes`.
    axes : sequence of matplotlib.axes.Axes
        With a shared y axis.
    task : str, optional
        Default: the mean over the tasks.

    Returns
    -------
    list of str
        The title of each panel: what is lost at the highest sparsity, or at 70% if that was run.
    """
    titles: list[str] = []
    table = curve_table(rows, "accuracy", task, relative=True)
    for ax, condition in zip(axes, conditions, strict=True):
        for other in conditions:
            line = table[(table.condition == other) & (table.sparsity > 0)]
            x, y = [0, *(100 * line.sparsity)], [0, *(100 * line["mean"])]
            ax.plot(x, y, color="0.8", linewidth=1, zorder=1)
        curve_lines({"": table}, "accuracy", [condition], ax=ax)
        ax.axhline(0, color="black", linewidth=0.8)
        own = table[table.condition == condition].set_index("sparsity")["mean"]
        at = 0.7 if 0.7 in own.index else own.index.max()
        label = CONDITIONS[condition].label
        titles.append(f"{label}:\n{100 * own[at]:+.1f} points at {100 * at:.0f}%")
        ax.set_title(titles[-1], color=CONDITIONS[condition].color)
        sparsity_axis(ax)
    axes[0].set_ylabel(RELATIVE_LABEL["accuracy"])
    return titles


def loss_against_accuracy(
    rows: pd.DataFrame, condition: str = "info_deletion", ax: Axes | None = None
) -> Axes:
    """MLM loss against accuracy, a line for each task (Fig. 2, left).

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    condition : str
    ax : matplotlib.axes.Axes, optional
    """
    ax = ax or plt.gca()
    for number, (task, points) in enumerate(loss_and_accuracy(rows, condition).groupby("task")):
        slope, intercept, _ = linear_fit(points.mlm_loss, 100 * points.accuracy)
        x = np.array([points.mlm_loss.min(), points.mlm_loss.max()])
        ax.plot(
            points.mlm_loss,
            100 * points.accuracy,
            marker="osX^D"[number % 5],
            linestyle="",
            color=COLORS[number],
        )
        ax.plot(
            x,
            slope * x + intercept,
            linestyle=LINES[number % 4],
            color=COLORS[number],
            label=f"{title(task)}: {slope:+.1f} points per nat",
        )
    ax.set_xlabel(METRIC_LABEL["mlm_loss"])
    ax.set_ylabel(METRIC_LABEL["accuracy"])
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax

"""Figures from data frames: a colour and marker a condition, a line style a source."""

import itertools
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator

from .analysis import (
    MARGIN,
    curve_table,
    differences,
    linear_fit,
    loss_and_accuracy,
    paired,
    regimes,
)
from .conditions import CONDITIONS, Condition
from .tasks import title
from .weights import expected_difference

if TYPE_CHECKING:
    import torch

_COLORS = sns.color_palette("colorblind")
Look = dict[str, Any]  # more arguments for a function of matplotlib


class Style(NamedTuple):
    """How something looks in every figure."""

    color: str | tuple
    marker: str
    label: str


FORMAT_STYLE = {
    "dense": Style((0.35, 0.35, 0.35), "D", "dense, 32 bits"),
    "csr": Style(_COLORS[3], "X", "CSR"),
    "bitmask": Style(_COLORS[0], "o", "bit mask + values"),
    "zstd": Style(_COLORS[2], "^", "zstd"),
    "half": Style(_COLORS[1], "s", "half precision"),
    "int8": Style(_COLORS[4], "P", "int8"),
}
ENGINE_STYLE = {
    "dense": Style((0.35, 0.35, 0.35), "D", "dense (PyTorch)"),
    "CSR": Style(_COLORS[3], "X", "CSR (torch.sparse)"),
    "int8": Style(_COLORS[4], "P", "int8 (PyTorch)"),
    "smaller": Style((0.45, 0.2, 0.6), "h", "heads and neurons cut out"),
    "OpenVINO": Style(_COLORS[2], "^", "OpenVINO"),
    "OpenVINO, sparse weights": Style(_COLORS[1], "v", "OpenVINO, sparse weights"),
    "torchao int8": Style((0.6, 0.55, 0.0), "*", "int8 (torchao)"),
}
METRIC_LABEL = {
    "accuracy": "accuracy (%)",
    "train_loss": "training loss (nats)",
    "mlm_loss": "MLM loss (nats per masked token)",
    "matthews_correlation": "Matthews correlation",
    "f1": "F1",
    "f1_macro": "macro F1",
    "pearson": "Pearson correlation",
    "spearmanr": "Spearman correlation",
}
RELATIVE_LABEL = {
    "accuracy": "accuracy against dense (points)",
    "train_loss": "training loss above dense (nats)",
    "mlm_loss": "MLM loss above dense (nats)",
}
PRUNED_COLOR = _COLORS[3]  # of weights below the threshold
ATTENTION = ("query", "key", "value", "attention output")  # as `matrix_names` calls them
_LINES = ("-", (0, (4, 2)), (0, (1, 1.5)), "-.")


def method_style(method: str) -> dict:
    """Colour, marker and label for a way of pruning: random is red here as everywhere."""
    color, marker = {
        "magnitude": (0, "o"),
        "gradual": (0, "o"),
        "one shot": (4, "P"),
        "random": (3, "X"),
    }[method]
    return {"color": _COLORS[color], "marker": marker, "label": method}


def use_style() -> None:
    """Fonts and grid of the course; call once at the top of a notebook."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind")
    plt.rcParams.update(
        {
            "figure.figsize": (7.5, 4.2),
            "figure.dpi": 90,
            "savefig.bbox": "tight",
            "axes.titlesize": "medium",
            "legend.frameon": False,
            "legend.fontsize": "small",
            "axes.titlelocation": "left",
        }
    )


def sparsity_axis(ax: Axes) -> Axes:
    """Label the x axis as sparsity in percent."""
    ax.set_xlabel("sparsity (% of weights pruned)")
    return ax


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
    count = next(iter(sources.values())).task.nunique() if sources else 0
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
    ax, scale, shown = ax or plt.gca(), _scale(metric), []
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
                linestyle=_LINES[number % len(_LINES)],
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
        "dense": ("--", 0.995, "right", "bottom"),
        "from_scratch": (":", 0.005, "left", "bottom"),
        "majority": ("-.", 0.005, "left", "top"),
    }
    for condition, (style, x, side, above) in places.items():
        level = table[table.condition == condition]["mean"]
        if level.empty or metric == "mlm_loss":
            continue
        y = _scale(metric) * level.iloc[0]
        ax.axhline(y, color=CONDITIONS[condition].color, linestyle=style, linewidth=1)
        ax.annotate(
            CONDITIONS[condition].label,
            (x, y),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            ha=side,
            va=above,
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
            _scale(metric) * of_condition.value,
            markersize=16,
            color=CONDITIONS[condition].color,
            zorder=5,
            **star,
        )
    own = Line2D([], [], markersize=13, color="white", label="your own run", **star)
    return [own] if len(rows) else []


def _scale(metric):
    return 100 if metric == "accuracy" else 1


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
            linestyle=_LINES[i % len(_LINES)],
            marker="o",
            markerfacecolor="0.3" if i == 0 else "white",
            label=name,
        )
        for i, name in enumerate(sources)
        if len(sources) > 1
    ]


def weight_histogram(
    weight: "torch.Tensor", threshold: float | None = None, ax: Axes | None = None
) -> Axes:
    """Histogram of the magnitudes of a weight, with the threshold below which it is pruned.

    Parameters
    ----------
    weight : torch.Tensor
    threshold : float, optional
    ax : matplotlib.axes.Axes, optional
    """
    magnitude = weight.detach().abs().flatten().cpu().numpy()
    top = np.quantile(magnitude, 0.999)
    ax = magnitude_histogram(*np.histogram(magnitude, np.linspace(0, top, 61)), threshold, ax)
    ax.set_xlabel(f"magnitude |w| ({(magnitude > top).sum()} larger ones not drawn)")
    return ax


def magnitude_histogram(
    counts: np.ndarray, edges: np.ndarray, threshold: float | None = None, ax: Axes | None = None
) -> Axes:
    """The same from counts in bins and the edges of the bins.

    Parameters
    ----------
    counts, edges : numpy.ndarray
        As `numpy.histogram` gives them.
    threshold : float, optional
    ax : matplotlib.axes.Axes, optional
    """
    ax = ax or plt.gca()
    below = np.searchsorted(edges, threshold, side="right") - 1 if threshold is not None else 0
    below = max(0, min(below, len(counts)))
    for part, color in ((slice(0, below), PRUNED_COLOR), (slice(below, None), _COLORS[0])):
        if len(counts[part]):
            ax.stairs(
                counts[part],
                edges[part.start : part.start + len(counts[part]) + 1],
                fill=True,
                color=color,
            )
    ax.set_xlim(0)
    if threshold is not None:
        ax.axvline(threshold, color="black", linewidth=1.2)
        ax.annotate(
            "  threshold",
            (threshold, 0.95),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=9,
        )
    ax.set_xlabel("magnitude |w|")
    ax.set_ylabel("number of weights")
    return ax


def mask_image(mask: "torch.Tensor", ax: Axes | None = None, size: int = 96) -> Axes:
    """The upper left corner of a mask as an image: dark = kept, light = pruned.

    Parameters
    ----------
    mask : torch.Tensor
        Of a matrix.
    ax : matplotlib.axes.Axes, optional
    size : int
        Rows and columns to show.
    """
    ax = ax or plt.gca()
    corner = mask[:size, :size].cpu().numpy()
    ax.imshow(corner, cmap="cividis_r", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    ax.set_title(f"{corner.shape[0]} × {corner.shape[1]} entries; dark: kept", fontsize=10)
    return ax


def kept_shares(shares: dict[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """How many rows keep which share of their weights, an outline for each name.

    Parameters
    ----------
    shares : dict of str to numpy.ndarray
        Name → a fraction for each row of a mask.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, edges = ax or plt.gca(), np.linspace(0, 100, 17)
    for number, (name, share) in enumerate(shares.items()):
        counts, _ = np.histogram(100 * share, edges)
        look: Look = {"color": _COLORS[0]} if not number else {"color": "0.3", "linestyle": "--"}
        ax.stairs(counts, edges, label=name, linewidth=1.8, fill=False, **look)
    ax.set_xlim(0, 100)
    ax.set_xlabel("weights of a row that are kept (%)")
    ax.set_ylabel("number of rows")
    ax.legend(loc="upper right")
    return ax


def kept_by_matrix(table: pd.DataFrame, squares: Axes, ranges: Axes) -> None:
    """What each matrix keeps of its squares, and its rows and columns of their weights.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by matrix: ``squares``, and ``row_low``, ``row_high``, ``column_low`` and
        ``column_high``, the emptiest's and fullest's share that is kept. All are fractions.
    squares, ranges : matplotlib.axes.Axes
        With a common y axis.
    """
    y = np.arange(len(table))
    squares.plot(100 * table.squares, y, "o", color=_COLORS[0])
    squares.set_xlim(0, 100)
    squares.set_xlabel("sum of squares left (%)")
    squares.set_yticks(y, table.index, fontsize=9)
    squares.invert_yaxis()
    for part, shift, color in (("row", -0.17, _COLORS[0]), ("column", 0.17, _COLORS[1])):
        low, high = 100 * table[f"{part}_low"], 100 * table[f"{part}_high"]
        width = 3 if part == "row" else 6
        ranges.hlines(y + shift, low, high, color=color, linewidth=width, label=f"{part}s")
    ranges.set_xlim(0, 100)
    ranges.set_xlabel("weights kept, from the emptiest to the fullest (%)")
    ranges.legend(loc="center right")


def shares_by_matrix(table: pd.DataFrame, xlabel: str, ax: Axes | None = None) -> Axes:
    """Bars for each matrix, a row of the table; a colour for each of its columns.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by matrix, in fractions.
    xlabel : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = (100 * table).plot.barh(figsize=(7.5, 5.5), width=0.75, ax=ax, color=["0.6", _COLORS[0]])
    ax.invert_yaxis()
    ax.set_xlim(0, 100)
    ax.tick_params(axis="y", labelsize=9)
    ax.set_xlabel(xlabel)
    return ax


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
            linestyle=_LINES[number % len(_LINES)],
            color=_COLORS[number % 10],
        )
    ax.set_xlabel("training step")
    ax.set_ylabel("sparsity (%)")
    ax.set_ylim(-2, 102)
    ax.legend()
    return ax


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
            color=_COLORS[number],
        )
        ax.plot(
            x,
            slope * x + intercept,
            linestyle=_LINES[number % 4],
            color=_COLORS[number],
            label=f"{title(task)}: {slope:+.1f} points per nat",
        )
    ax.set_xlabel(METRIC_LABEL["mlm_loss"])
    ax.set_ylabel(METRIC_LABEL["accuracy"])
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def format_sizes(
    rows: pd.DataFrame, ax: Axes | None = None, only: Sequence[str] | None = None
) -> Axes:
    """Bytes against sparsity, a line for each format, as a share of the dense size.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of one model: columns ``format``, ``sparsity``, ``bytes``.
    ax : matplotlib.axes.Axes, optional
    only : sequence of str, optional
        Formats; default all.
    """
    ax = ax or plt.gca()
    dense = rows[rows.format == "dense"].set_index("sparsity")["bytes"]
    for form in only or FORMAT_STYLE:
        line = rows[rows.format == form].sort_values("sparsity")
        color, marker, label = FORMAT_STYLE[form]
        ax.plot(
            100 * line.sparsity,
            100 * line["bytes"] / dense.loc[line.sparsity].to_numpy(),
            color=color,
            marker=marker,
            markersize=5,
            label=label,
        )
    ax.set_ylabel("size (% of dense)")
    ax.set_ylim(0)
    ax.legend()
    return sparsity_axis(ax)


def engine_times(
    rows: pd.DataFrame, batch: int, ax: Axes | None = None, only: Sequence[str] | None = None
) -> Axes:
    """Milliseconds against sparsity, a line for each engine; the band is half of the rounds.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of one model, from `helpers.cost.speed.engine_times`.
    batch : int
    ax : matplotlib.axes.Axes, optional
    only : sequence of str, optional
        Engines; default all.
    """
    ax = ax or plt.gca()
    for engine in only or ENGINE_STYLE:
        line = rows[(rows.engine == engine) & (rows.batch == batch)].sort_values("sparsity")
        if len(line):
            color, marker, label = ENGINE_STYLE[engine]
            ax.plot(
                100 * line.sparsity, line.ms, color=color, marker=marker, markersize=6, label=label
            )
            ax.fill_between(
                100 * line.sparsity, line.low, line.high, color=color, alpha=0.15, linewidth=0
            )
    ax.set_ylabel(f"milliseconds for {batch} sentence{'s' if batch > 1 else ''}")
    ax.set_ylim(0)
    ax.legend()
    return sparsity_axis(ax)


def roofline(points: pd.DataFrame, roofs: dict, ax: Axes | None = None) -> Axes:
    """Useful operations a second against operations a byte, under the two roofs of the machine.

    Parameters
    ----------
    points : pandas.DataFrame
        From `helpers.cost.speed.products`.
    roofs : dict
        From `helpers.cost.speed.roofs`.
    ax : matplotlib.axes.Axes, optional
    """
    ax = ax or plt.gca()
    x = np.logspace(-2, 3, 100)
    ax.plot(x, np.minimum(roofs["gbytes"] * x, roofs["gflops"]), color="black", linewidth=1.5)
    ax.annotate(
        "memory: {:.0f} GB/s".format(roofs["gbytes"]),
        (0.03, 0.03 * roofs["gbytes"]),
        xytext=(8, -10),
        textcoords="offset points",
        fontsize=9,
    )
    ax.annotate(
        "arithmetic: {:.0f} GFLOP/s".format(roofs["gflops"]),
        (900, roofs["gflops"] * 1.15),
        fontsize=9,
        ha="right",
    )
    for engine, line in points.groupby("engine", sort=False):
        color, marker, label = ENGINE_STYLE[engine]
        ax.plot(
            line.intensity,
            line.gflops,
            color=color,
            marker=marker,
            linestyle=":",
            markersize=8,
            label=label,
        )
        for _, point in line.iterrows():
            ax.annotate(
                f"{point.tokens:.0f}",
                (point.intensity, point.gflops),
                xytext=(6, -11),
                textcoords="offset points",
                fontsize=8,
                color=color,
            )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(top=4 * roofs["gflops"])
    ax.set_xlabel("useful operations a byte moved")
    ax.set_ylabel("useful operations, 10⁹ a second")
    ax.legend(loc="lower right", title="numbers: tokens at once", title_fontsize="small")
    return ax


def layer_grid(values: pd.Series) -> pd.DataFrame:
    """A series as a table, a row a layer, a column a kind of matrix.

    Its index are names as `matrix_names` gives them.
    """
    grid = pd.Series(
        {tuple(name.split(" ", 1)): value for name, value in values.items() if name[0].isdigit()}
    ).unstack()
    order = [
        name
        for name in (
            "query",
            "key",
            "value",
            "attention output",
            "feed-forward in",
            "feed-forward out",
        )
        if name in grid
    ]
    return grid.loc[
        sorted(grid.index, key=int), order + [name for name in grid if name not in order]
    ]


def sensitivity_map(rise: pd.Series, top: float | None = None, ax: Axes | None = None) -> Axes:
    """How much the loss rises when only this matrix is pruned, as a map of layers and matrices.

    Parameters
    ----------
    rise : pandas.Series
        Nats, indexed by names as `matrix_names` gives them; those that stand in no layer are left
        out.
    top : float, optional
        The end of the colour scale; default the largest.
    ax : matplotlib.axes.Axes, optional
    """
    ax, grid = ax or plt.gca(), layer_grid(rise)
    top = max(top or grid.to_numpy().max(), 1e-9)
    image = ax.imshow(grid, cmap="cividis_r", vmin=0, vmax=top, aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="rise of the MLM loss (nats)")
    for (y, x), value in np.ndenumerate(grid):
        ax.text(
            x,
            y,
            f"{value:z.2f}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if value > 0.55 * top else "black",
        )
    ax.set_xticks(range(grid.shape[1]), grid.columns, fontsize=9)
    ax.set_yticks(range(grid.shape[0]), grid.index)
    ax.set_ylabel("layer")
    ax.grid(False)
    return ax


def mask_differences(measured: dict[str, tuple], ax: Axes | None = None) -> Axes:
    """Mask differences against sparsity, beside 2s(1-s) of independent masks (Fig. 3, top).

    Parameters
    ----------
    measured : dict of str to (sparsities, differences)
        Both fractions.
    """
    ax = ax or plt.gca()
    s = np.linspace(0, 0.95, 60)
    ax.plot(
        100 * s,
        100 * expected_difference(s),
        color="0.4",
        linestyle="--",
        label="independent masks, 2s(1−s)",
    )
    for number, (name, (sparsities, fractions)) in enumerate(measured.items()):
        ax.plot(
            100 * np.asarray(sparsities),
            100 * np.asarray(fractions),
            marker="osX^"[number % 4],
            color=_COLORS[number],
            label=name,
        )
    ax.set_ylabel("entries in which the masks differ (%)")
    ax.set_ylim(0)
    ax.legend()
    return sparsity_axis(ax)


def matrix_names(names: Iterable[str]) -> list[str]:
    """Short names of matrices for axes: "0 query" for layer 0's query."""
    short = []
    for name in names:
        parts = name.removesuffix(".weight").split(".")
        layer = next((p + " " for p in parts if p.isdigit()), "")
        kind = {"word_embeddings": "word embeddings"}.get(parts[-1], parts[-1])
        if kind == "dense":
            kind = {"intermediate": "feed-forward in", "pooler": "pooler"}.get(
                parts[-2], "attention output" if "attention" in parts else "feed-forward out"
            )
        short.append(layer + kind)
    # other families have more matrices of a kind, and are told apart by their full names
    return (
        short if len(set(short)) == len(short) else [name.removesuffix(".weight") for name in names]
    )


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
    ax, scale = ax or plt.gca(), _scale(metric)
    for number, (source, rows) in enumerate(sources.items()):
        of_task = rows[rows.task == task] if task else rows
        line = differences(of_task, condition, metric=metric)
        line = line[line.index > 0]
        if line.empty:
            continue
        x, color = [0, *(100 * line.index)], _COLORS[number]
        mean, low, high = (np.append(0, scale * line[end]) for end in ("mean", "low", "high"))
        ax.plot(
            x,
            mean,
            color=color,
            marker="osD^vX"[number % 6],
            linestyle=_LINES[number % len(_LINES)],
            label=source,
        )
        ax.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_ylabel(RELATIVE_LABEL[metric])
    ax.set_title(f"{CONDITIONS[condition].label}, {title(task) if task else 'mean over tasks'}")
    ax.legend()
    return sparsity_axis(ax)


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
    ax, scale = ax or plt.gca(), _scale(metric)
    own_tasks = {task for rows in yours.values() for task in rows.task}
    drawn = {}
    for name, rows in (yours | course).items():
        if own_tasks <= set(rows.task):
            rows = rows[rows.task.isin(own_tasks)]
        line = differences(rows, condition, metric=metric)
        line = line[line.index > 0]
        if name in yours and line.empty:
            raise ValueError(
                f"{name}: nothing to draw. What is lost is measured against dense, so it takes "
                f"runs of dense and of {condition} on one task with one seed, and {metric} of both"
            )
        if len(line):
            drawn[name] = line
    heavy: Look = {"linewidth": 2.5, "marker": "*", "markersize": 15}
    heavy |= {"markeredgecolor": "black", "clip_on": False}
    ends, lost = {}, []
    edge = 100 * max(line.index.max() for line in drawn.values())
    for number, (name, line) in enumerate(drawn.items()):
        x = [0, *(100 * line.index)]
        mean, low, high = (np.append(0, scale * line[end]) for end in ("mean", "low", "high"))
        thin: Look = {"linewidth": 1.2, "marker": "osD^vX"[number % 6], "markersize": 5}
        color, dashes = _COLORS[number % len(_COLORS)], _LINES[number % len(_LINES)]
        look: Look = (heavy | {"zorder": 4}) if name in yours else thin
        ax.plot(x, mean, color=color, linestyle=dashes, label=name, **look)
        ax.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
        ends[textwrap.fill(name, 20)] = (edge, float(mean[-1]), color)
        if name in yours:
            told = f"{-mean[-1]:.1f} points" if metric == "accuracy" else f"{-mean[-1]:.2f}"
            lost.append(f"{told} at {100 * line.index[-1]:.0f}% ({name})")
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_title(textwrap.fill(f"Lost against dense: {', '.join(lost)}", 70))
    label = METRIC_LABEL.get(metric, metric)
    ax.set_ylabel(RELATIVE_LABEL.get(metric, f"{label} against dense"))
    ax.set_xlim(right=1.005 * edge)  # the names stand outside the frame
    return label_ends(ends, sparsity_axis(ax))


def legend_at_ends(ax: Axes | None = None) -> Axes:
    """Write each name of a figure's legend at the right edge, level with the end of its line.

    The legend goes. Names that belong to no line stay in it, such as the learner's own runs. Call
    it when the y axis has its final limits.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    legend, edge = ax.get_legend() or ax.legend(), ax.dataLim.x1
    ends: dict[str, tuple[float, float, Any]] = {}
    others: list[Line2D] = []
    for handle in cast("list[Line2D]", legend.legend_handles):
        look = (handle.get_color(), handle.get_marker())
        same = [line for line in ax.get_lines() if (line.get_color(), line.get_marker()) == look]
        if same and handle.get_linestyle() != "None":
            name = textwrap.fill(str(handle.get_label()), 18, break_on_hyphens=False)
            ends[name] = (edge, np.asarray(same[-1].get_ydata())[-1], handle.get_color())
        else:
            others.append(handle)
    legend.remove()
    if others:
        ax.legend(handles=others)
    ax.set_xlim(right=edge + 0.005 * (edge - ax.dataLim.x0))  # the names stand outside the frame
    return label_ends(ends, ax)


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


# Colour, letters and hatch of each regime
REGIMES = {
    "free": (_COLORS[2], "free", ""),
    "open": ((0.85, 0.85, 0.85), "?", ""),
    "deletion": (_COLORS[1], "del", "//"),
    "deletion and restriction": (_COLORS[3], "del\n+ res", "xx"),
    "restriction": (_COLORS[4], "res", "\\\\"),
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


def reference_line(
    value: float, words: str, side: str = "left", ax: plt.Axes | None = None
) -> plt.Axes:
    """A thin horizontal line, with what it stands for written on it.

    Parameters
    ----------
    value : float
        On the y axis.
    words : str
    side : {"left", "right"}
        Where the words stand; choose the side on which the curves leave room.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    ax.axhline(value, color="0.4", linestyle="--", linewidth=1)
    ax.annotate(
        words,
        (0.01 if side == "left" else 0.99, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha=side,
        fontsize=9,
        color="0.3",
    )
    return ax


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
    ax, (color, marker) = ax or plt.gca(), (_COLORS[0], "o")
    for x, (sparsity, found) in enumerate(gains.iterrows()):
        values = gain[gain.sparsity == sparsity].value
        ax.plot([x - 0.12] * len(values), values, marker, color="0.55", alpha=0.7, label="_seeds")
        ends = [[found["mean"] - found.low], [found.high - found["mean"]]]
        ax.errorbar([x + 0.12], [found["mean"]], ends, fmt=marker, color=color, capsize=5, ms=9)
    ax.axhline(0, color="0.4", linewidth=1)
    ax.set_xticks(range(len(gains)), [f"{sparsity:.0%} sparsity" for sparsity in gains.index])
    ax.set_xlim(-0.5, len(gains) - 0.5)
    ax.set_ylabel("difference (points of accuracy)")
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
        look: Look = {"color": _COLORS[(0, 1)[number % 2]], "marker": "os"[number % 2]}
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


def spread_histogram(deviations: Sequence[float], title: str, ax: Axes | None = None) -> Axes:
    """How many matrices have which standard deviation of their weights (Table 3).

    Parameters
    ----------
    deviations : sequence of float
        One for each matrix.
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = sns.histplot(x=deviations, bins=12, ax=ax or plt.gca())
    ax.set_title(title)
    ax.set_xlabel("standard deviation of a matrix's weights")
    ax.set_ylabel("number of matrices")
    return ax


def head_dots(rows: pd.DataFrame, title: str, ax: plt.Axes | None = None) -> plt.Axes:
    """The share of each attention head that is pruned, a dot a head (Fig. 4, left).

    Parameters
    ----------
    rows : pandas.DataFrame
        A row a head: ``overall``, the sparsity of every matrix; ``layer``; ``sparsity``, that of
        the head. Sparsities are fractions.
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    percent = rows.assign(
        sparsity=100 * rows.sparsity, overall=(100 * rows.overall).round().astype(int)
    )
    look = {"palette": "colorblind", "size": 8, "alpha": 0.8, "dodge": True}
    ax = sns.stripplot(percent, x="overall", y="sparsity", hue="layer", ax=ax or plt.gca(), **look)
    ax.set_xlabel("sparsity of every matrix (%)")
    ax.set_ylabel("share of a head that is pruned (%)")
    ax.set_title(title)
    return ax


def cost_dots(cost: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """What each matrix costs when it alone is pruned: a dot and its 95% interval.

    Parameters
    ----------
    cost : pandas.DataFrame
        Indexed by matrix: ``mean``, ``low`` and ``high``, in nats.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Its x axis is logarithmic, and straight near 0.
    """
    ax = ax or plt.subplots(figsize=(8, 5.6))[1]
    y = np.arange(len(cost))
    ends = [cost["mean"] - cost.low, cost.high - cost["mean"]]
    ax.errorbar(cost["mean"], y, xerr=ends, fmt="o", color=_COLORS[0], capsize=3)
    ax.axvline(0, color="0.4", linewidth=1)
    ax.set_xscale("symlog", linthresh=0.01, linscale=0.6)
    ticks = [0, 0.01, 0.03, 0.1, 0.3, 1, 3]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks(y, cost.index, fontsize=9)
    ax.invert_yaxis()
    ax.set_xlabel("rise of the MLM loss (nats, mean and 95% interval)")
    return ax


def _head_look(layer):
    return {"color": _COLORS[(0, 1, 2)[layer % 3]], "marker": "os^"[layer % 3], "linestyle": ""}


def named_heads(heads: pd.DataFrame, band: tuple[float, float], ax: Axes | None = None) -> Axes:
    """The share of each attention head that is pruned, each with its name, and a shaded band.

    Parameters
    ----------
    heads : pandas.DataFrame
        Indexed by name: ``layer``, and ``pruned``, a fraction.
    band : (float, float)
        What the paper says of all heads, in fractions.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    ax.axhspan(100 * band[0], 100 * band[1], color="0.88", zorder=0)
    words = f"the paper: {100 * band[0]:.0f} to {100 * band[1]:.0f}%"
    ax.annotate(words, (-0.45, 100 * band[1] - 0.2), va="top", fontsize=9, color="0.3")
    for layer, of_layer in heads.groupby("layer"):
        x = np.arange(len(of_layer)) / len(of_layer) * 0.8 + layer - 0.3
        ax.plot(x, 100 * of_layer.pruned, markersize=8, **_head_look(layer))
        for name, at, share in zip(of_layer.index, x, of_layer.pruned):
            place: Look = {"xytext": (7, -3), "textcoords": "offset points", "fontsize": 9}
            ax.annotate(name, (at, 100 * share), **place)
    layers = sorted(heads.layer.unique())
    ax.set_xticks(layers, [f"layer {layer}" for layer in layers])
    ax.set_xlim(-0.5, max(layers) + 0.5)
    ax.set_ylabel("share of the head that is pruned (%)")
    ax.grid(False, axis="x")
    return ax


def spared_heads(heads: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """What removing each head costs, against the share of it that is pruned.

    Parameters
    ----------
    heads : pandas.DataFrame
        Indexed by name: ``layer``; ``pruned``, a fraction; ``mean``, ``low`` and ``high``, the rise
        of the MLM loss without the head, in nats.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    for layer, of_layer in heads.groupby("layer"):
        ends = [of_layer["mean"] - of_layer.low, of_layer.high - of_layer["mean"]]
        look = _head_look(layer) | {"label": f"layer {layer}"}
        ax.errorbar(100 * of_layer.pruned, of_layer["mean"], ends, capsize=3, ms=7, **look)
    ordered = heads.sort_values("pruned")
    for number, (name, pruned, mean) in enumerate(
        zip(ordered.index, ordered.pruned, ordered["mean"])
    ):
        # neighbours have their names in different places
        where = ((-22, 4), (6, 4), (6, -13))[number % 3]
        place: Look = {"xytext": where, "textcoords": "offset points", "fontsize": 9}
        ax.annotate(name, (100 * pruned, mean), **place)
    ax.axhline(0, color="0.4", linewidth=1)
    ax.set_xlabel("share of the head that is pruned at 60% (%)")
    ax.set_ylabel("cost of removing it (nats, 95% interval)")
    ax.legend(loc="upper right")
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


def label_ends(labels: Mapping[str, tuple[float, float, Any]], ax: Axes | None = None) -> Axes:
    """Write the name of each line beside its right end, apart where two ends nearly meet.

    Call it when the y axis has its final limits.

    Parameters
    ----------
    labels : dict of str to (x, y, colour)
        Name → the line's last point and colour.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    inches = ax.get_window_extent().height / ax.figure.dpi
    bottom, top = ax.get_ylim()
    gap, lowest = (top - bottom) * 0.2 / max(inches, 1), -np.inf
    for name, (x, y, color) in sorted(labels.items(), key=lambda item: item[1][1]):
        lines = 1 + name.count("\n")
        lowest = max(y, lowest + gap * (lines + 1) / 2)
        place: Look = {"xytext": (9, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(name, (x, lowest), color=color, fontsize=9.5, annotation_clip=False, **place)
        lowest += gap * (lines - 1) / 2
    return ax


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
    ax, table, scale = ax or plt.gca(), curve_table(rows, metric), _scale(metric)
    ends = {}
    for name in curve_lines({"": table}, metric, conditions, ax=ax):
        last = table[table.condition == name].sort_values("sparsity").iloc[-1]
        ends[CONDITIONS[name].label.replace(" ", "\n", 1)] = (
            100 * last.sparsity,
            scale * last["mean"],
            CONDITIONS[name].color,
        )
    if floors:
        floor_lines(table, metric, ax)
    if metric.endswith("loss"):
        ax.set_ylim(0)
    label_ends(ends, ax)
    ax.set_ylabel(METRIC_LABEL.get(metric, metric))
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
    for number, s in enumerate(sparsities):
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
    for condition, of_condition in (("prune_pretrain", locked), ("info_deletion", free)):
        style, heights = CONDITIONS[condition], of_condition[sparsities]
        ax.plot(range(len(heights)), heights, style.marker, color=style.color, markersize=11)
        ends[style.label] = (len(heights) - 1, heights.iloc[-1], style.color)
    ax.set_xlim(-0.6, len(sparsities) - 0.2)
    ax.set_ylim(min(locked.min(), free.min()) - 4, None)
    label_ends(ends, ax)
    ax.set_xticks(range(len(sparsities)), [f"{s:.0%} pruned" for s in sparsities])
    ax.grid(axis="x", visible=False)
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


def movement_by_matrix(movement: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """How far the weights of each matrix move on average in the ranking by magnitude, as bars.

    Parameters
    ----------
    movement : pandas.DataFrame
        From `helpers.weights.sort_order_movement`: ``matrix``, and ``mean`` as a fraction.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, color = ax or plt.gca(), CONDITIONS["prune_pretrain"].color
    ax.barh(matrix_names(movement.matrix), 100 * movement["mean"], color=color)
    ax.invert_yaxis()
    ax.tick_params(axis="y", labelsize=9)
    ax.set_xlabel("mean movement (% of the ranks)")
    return ax


def places(before: np.ndarray, after: np.ndarray, title: str, ax: Axes | None = None) -> Axes:
    """The rank of each weight by magnitude, before and after fine-tuning.

    Parameters
    ----------
    before, after : numpy.ndarray
        The weights, of one shape.
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    x, y = (
        100 * abs(weights).ravel().argsort().argsort() / weights.size for weights in (before, after)
    )
    dots: Look = {"s": 1, "alpha": 0.3, "color": CONDITIONS["prune_pretrain"].color}
    ax.scatter(x, y, rasterized=True, **dots)
    ax.plot([0, 100], [0, 100], color="black", linewidth=0.8)
    ax.set_xlabel("rank before fine-tuning (% of the weights)")
    ax.set_ylabel("rank after (%)")
    ax.set_title(title)
    return ax


def own_times(rows: pd.DataFrame, batch: int, ax: Axes | None = None) -> Axes:
    """The learner's own milliseconds as stars, in the colours of `engine_times`.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of one model, from `helpers.cost.speed.engine_times`.
    batch : int
        Sentences at once; rows of other batches are left out.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    star: Look = {"linestyle": "", "marker": "*", "markersize": 15}
    own = rows[rows.batch == batch]
    for engine, points in own.groupby("engine"):
        color = ENGINE_STYLE[engine].color
        ax.plot(100 * points.sparsity, points.ms, color=color, zorder=5, **star)
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * own.ms.max()))  # a slow machine's are in view, too
    return ax


def accuracy_against_time(
    kinds: dict[str, tuple[pd.DataFrame, Style | Condition]],
    dense: tuple[float, float],
    ax: Axes | None = None,
) -> Axes:
    """Accuracy against milliseconds, a line for each kind of pruning, labelled by sparsity.

    Parameters
    ----------
    kinds : dict of str to (pandas.DataFrame, style)
        Name in the legend → a table indexed by sparsity with ``ms``, ``mean``, ``low`` and
        ``high``, fractions; and what has a ``color`` and a ``marker``.
    dense : (float, float)
        Milliseconds and accuracy, a fraction, of the model that is not pruned.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    for name, (line, style) in kinds.items():
        ends = np.stack([line["mean"] - line.low, line.high - line["mean"]])
        look: Look = {"color": style.color, "marker": style.marker, "markersize": 8, "capsize": 3}
        ax.errorbar(line.ms, 100 * line["mean"], yerr=100 * ends, label=name, **look)
        for sparsity, ms, mean in zip(line.index, line.ms, line["mean"]):
            place: Look = {"xytext": (7, 4), "textcoords": "offset points", "fontsize": 9}
            ax.annotate(f"{sparsity:.0%}", (ms, 100 * mean), **place)
    style, (ms, accuracy) = CONDITIONS["dense"], dense
    look = {"color": style.color, "marker": style.marker, "linestyle": ""}
    ax.plot(ms, 100 * accuracy, label="dense, nothing pruned", **look)
    ax.axhline(100 * accuracy, color="0.35", linestyle="--", linewidth=1)
    ax.set_xlim(0)
    ax.set_ylabel(METRIC_LABEL["accuracy"])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    ax.set_title("Accuracy against time: up and to the left is better")
    return ax

"""Figures from data frames: one colour and marker for each condition, one line style for each source."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from .analysis import difference, intervals, linear_fit, loss_and_accuracy, regimes, task_mean
from .conditions import CONDITIONS
from .tasks import NAMES
from .weights import expected_difference

_COLORS = sns.color_palette("colorblind")


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
    "pearson": "Pearson correlation",
    "spearmanr": "Spearman correlation",
}
RELATIVE_LABEL = {
    "accuracy": "accuracy against dense (points)",
    "train_loss": "training loss above dense (nats)",
    "mlm_loss": "MLM loss above dense (nats)",
}
PRUNED_COLOR = _COLORS[3]  # of weights below the threshold
_LINES = ("-", (0, (4, 2)), (0, (1, 1.5)), "-.")


def method_style(method):
    """Colour, marker and label for a way of pruning: random is red here as everywhere."""
    color, marker = {
        "magnitude": (0, "o"),
        "gradual": (0, "o"),
        "one shot": (4, "P"),
        "random": (3, "X"),
    }[method]
    return {"color": _COLORS[color], "marker": marker, "label": method}


def use_style():
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


def sparsity_axis(ax):
    """Label the x axis as sparsity in percent."""
    ax.set_xlabel("sparsity (% of weights pruned)")
    return ax


def curves(
    sources,
    metric="accuracy",
    conditions=("prune_pretrain", "info_deletion", "prune_downstream", "random"),
    *,
    task=None,
    relative=False,
    mine=None,
    floors=True,
    bands=True,
    legend_at=None,
    ax=None,
):
    """A metric against sparsity, a line for each condition and source, with 95% intervals over seeds.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        Name of the source → tidy rows of one model, or what `helpers.analysis.intervals` made of them. The first is
        drawn with solid lines and full markers.
    metric : str
        ``accuracy`` (drawn in %), ``train_loss`` or ``mlm_loss``.
    conditions : sequence of str
    task : str, optional
        Default: the mean over the tasks.
    relative : bool
        Subtract each source's dense value.
    mine : pandas.DataFrame, optional
        The learner's own rows of that task, drawn as stars.
    floors : bool
        Draw the dense, from-scratch and majority values of the first source as horizontal lines.
    bands : bool
        Draw the intervals.
    legend_at : dict, optional
        Keywords of `matplotlib.axes.Axes.legend`. Default: where there is room.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    scale = 100 if metric == "accuracy" else 1
    shown = []
    for number, (source, rows) in enumerate(sources.items()):
        means = (
            rows
            if "mean" in rows
            else intervals(task_mean(rows[rows.task == task] if task else rows, metric))
        )
        if means.empty:
            continue
        dense = means[means.condition == "dense"]["mean"]
        shift = dense.iloc[0] if relative and len(dense) else 0.0
        for condition in conditions:
            line = means[means.condition == condition].sort_values("sparsity")
            if condition != "dense" and len(dense) and 0 not in set(line.sparsity) and len(line):
                line = _with_dense(line, means)
            if line.empty:
                continue
            style = CONDITIONS[condition]
            color, marker = style.color, style.marker
            x = 100 * line.sparsity
            ax.plot(
                x,
                scale * (line["mean"] - shift),
                color=color,
                marker=marker,
                linestyle=_LINES[number % len(_LINES)],
                markerfacecolor=color if number == 0 else "white",
                markersize=6,
                linewidth=1.8 if number == 0 else 1.3,
            )
            # a loss is never negative, and an accuracy never above 1
            least, most = (
                (0, 1)
                if metric == "accuracy"
                else (0, None)
                if metric.endswith("loss")
                else (None, None)
            )
            ends = line[["low", "high"]].clip(least, most)
            if bands:
                ax.fill_between(
                    x,
                    scale * (ends.low - shift),
                    scale * (ends.high - shift),
                    color=color,
                    alpha=0.15,
                    linewidth=0,
                )
            if condition not in shown:
                shown.append(condition)
        if floors and number == 0 and metric != "mlm_loss":
            for condition, style in (("dense", "--"), ("from_scratch", ":"), ("majority", "-.")):
                level = means[means.condition == condition]["mean"]
                if len(level):
                    y = scale * (level.iloc[0] - shift)
                    ax.axhline(y, color=CONDITIONS[condition].color, linestyle=style, linewidth=1)
                    # where the lines leave room: dense at the right, the others at the left, above and below theirs
                    side, above = {
                        "dense": ("right", "bottom"),
                        "from_scratch": ("left", "bottom"),
                        "majority": ("left", "top"),
                    }[condition]
                    ax.annotate(
                        CONDITIONS[condition].label,
                        (0.995 if side == "right" else 0.005, y),
                        xycoords=("axes fraction", "data"),
                        fontsize=8,
                        ha=side,
                        va=above,
                        color="0.3",
                    )
    legend = legend_handles(shown, sources)
    if mine is not None:
        # a run is of one task, so it has no place among means over tasks; the MLM loss is the same for all
        mine = mine[(mine.metric == metric) & ((mine.task == task) | (metric == "mlm_loss"))]
        for condition, rows in mine.groupby("condition"):
            ax.plot(
                100 * rows.sparsity,
                scale * rows.value,
                linestyle="",
                marker="*",
                markersize=16,
                markeredgecolor="black",
                color=CONDITIONS[condition].color,
                zorder=5,
            )
        if len(mine):
            legend.append(
                Line2D(
                    [],
                    [],
                    linestyle="",
                    marker="*",
                    markersize=13,
                    color="white",
                    markeredgecolor="black",
                    label="your own run",
                )
            )
    ax.legend(handles=legend, **(legend_at or {}))
    ax.set_ylabel((RELATIVE_LABEL if relative else METRIC_LABEL).get(metric, metric))
    first = next(iter(sources.values()), pd.DataFrame())
    ax.set_title(
        NAMES[task]
        if task
        else f"mean over {first.task.nunique()} tasks"
        if "task" in first
        else "mean over tasks"
    )
    return sparsity_axis(ax)


def legend_handles(conditions, sources):
    """Legend entries for conditions (colour and marker) and sources (line style), as `curves` draws them."""
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
            linestyle=_LINES[i],
            marker="o",
            markerfacecolor="0.3" if i == 0 else "white",
            label=name,
        )
        for i, name in enumerate(sources)
        if len(sources) > 1
    ]


def _with_dense(line, means):
    """The line with the dense model as its point at sparsity 0."""
    return pd.concat([means[means.condition == "dense"], line])


def weight_histogram(weight, threshold=None, ax=None):
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


def magnitude_histogram(counts, edges, threshold=None, ax=None):
    """The same from the counts in bins and the edges of the bins, as `numpy.histogram` gives them."""
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


def mask_image(mask, ax=None, size=96):
    """The upper left corner of a mask as an image: dark = kept, light = pruned."""
    ax = ax or plt.gca()
    corner = mask[:size, :size].cpu().numpy()
    ax.imshow(corner, cmap="cividis_r", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    ax.set_title(f"mask, {corner.shape[0]} × {corner.shape[1]} entries: dark = kept", fontsize=10)
    return ax


def schedule_lines(schedules, ax=None):
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


def loss_against_accuracy(rows, condition="info_deletion", ax=None):
    """MLM loss against accuracy, a line for each task (Fig. 2, left).

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
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
            label=f"{NAMES[task]}: {slope:+.1f} points per nat",
        )
    ax.set_xlabel(METRIC_LABEL["mlm_loss"])
    ax.set_ylabel(METRIC_LABEL["accuracy"])
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def format_sizes(rows, ax=None, only=None):
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


def engine_times(rows, batch, ax=None, only=None):
    """Milliseconds against sparsity, a line for each engine, with the middle half of the rounds as a band.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of one model, from `helpers.cost.speed.engine_times`.
    batch : int
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


def roofline(points, roofs, ax=None):
    """Useful operations a second against operations a byte, under the two roofs of the machine.

    Parameters
    ----------
    points : pandas.DataFrame
        From `helpers.cost.speed.products`.
    roofs : dict
        From `helpers.cost.speed.roofs`.
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


def layer_grid(values):
    """A series indexed by names as `matrix_names` gives them, as a table: a row a layer, a column a kind of matrix."""
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


def sensitivity_map(rise, top=None, ax=None):
    """How much the loss rises when only this matrix is pruned, as a map of layers and matrices.

    Parameters
    ----------
    rise : pandas.Series
        Nats, indexed by names as `matrix_names` gives them; those that stand in no layer are left out.
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
            f"{value:.2f}",
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


def mask_differences(measured, ax=None):
    """Measured mask differences against sparsity, beside 2s(1-s) of independent masks (Fig. 3, top).

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
    for number, (name, (sparsities, differences)) in enumerate(measured.items()):
        ax.plot(
            100 * np.asarray(sparsities),
            100 * np.asarray(differences),
            marker="osX^"[number % 4],
            color=_COLORS[number],
            label=name,
        )
    ax.set_ylabel("entries in which the masks differ (%)")
    ax.set_ylim(0)
    ax.legend()
    return sparsity_axis(ax)


def matrix_names(names):
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


def against_dense(sources, condition="prune_pretrain", metric="accuracy", task=None, ax=None):
    """A condition's difference from dense against sparsity, a line for each source, with 95% intervals over seeds.

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
    scale = 100 if metric == "accuracy" else 1
    for number, (source, rows) in enumerate(sources.items()):
        line = difference(
            task_mean(rows[rows.task == task] if task else rows, metric), condition, "dense", 0.0
        )
        if len(line):
            x, color = [0, *(100 * line.sparsity)], _COLORS[number]
            values = {end: np.append(0, scale * line[end]) for end in ("mean", "low", "high")}
            ax.plot(
                x,
                values["mean"],
                color=color,
                marker="osD^vX"[number % 6],
                linestyle=_LINES[number % len(_LINES)],
                label=source,
            )
            ax.fill_between(x, values["low"], values["high"], color=color, alpha=0.12, linewidth=0)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_ylabel(RELATIVE_LABEL[metric])
    ax.set_title(f"{CONDITIONS[condition].label}, {NAMES[task] if task else 'mean over tasks'}")
    ax.legend()
    return sparsity_axis(ax)


def regime_map(sources, ax=None):
    """Which regime each source is in at each sparsity, by the rule of `helpers.analysis.regimes`.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        Name of the source → tidy rows of one model.
    ax : matplotlib.axes.Axes, optional
    """
    ax = ax or plt.gca()
    kinds = {
        "free": (_COLORS[2], "free"),
        "open": ((0.85, 0.85, 0.85), "?"),
        "deletion": (_COLORS[1], "del"),
        "both": (_COLORS[3], "del\n+ res"),
        "restriction": (_COLORS[4], "res"),
    }
    for y, rows in enumerate(sources.values()):
        found = regimes(rows)
        for s in found["table"].index[found["table"].index > 0]:
            deleted, restricted = s in found["deletion"], s in found["restriction"]
            kind = (
                "both"
                if deleted and restricted
                else "deletion"
                if deleted
                else "restriction"
                if restricted
                else "free"
                if s <= found["free_up_to"]
                else "open"
            )
            color, letters = kinds[kind]
            ax.add_patch(
                plt.Rectangle(
                    (100 * s - 4.6, y - 0.42), 9.2, 0.84, color=color, alpha=0.75, linewidth=0
                )
            )
            ax.annotate(letters, (100 * s, y), ha="center", va="center", fontsize=9)
    ax.set_yticks(range(len(sources)), list(sources))
    ax.set_ylim(len(sources) - 0.5, -0.5)
    ax.grid(False)
    ax.set_title(
        "free · del: information deletion · res: complexity restriction · ?: nothing certain"
    )
    sparsity_axis(ax)
    ax.set_xlim(4, 96)
    ax.set_xticks(range(10, 100, 10))
    return ax


def against_sparsity(table, ylabel, title, *, styles=None, ends=None, percent=True, ax=None):
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


def reference_line(value, words, side="left", ax=None):
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


def means_and_seeds(table, styles, ax=None):
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


def interval_bars(intervals, styles, ax=None):
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


def spread_histogram(deviations, title, ax=None):
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


def head_dots(rows, title, ax=None):
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


def called_free(losses, shares, margin, title, ax=None):
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
        marker = {"marker": "osD^vX"[number % 6], "markevery": max(1, len(losses) // 5)}
        ax.plot(losses, share, label=name, **marker)
    ax.axvline(margin, color="0.5", linewidth=1)
    ax.annotate(" margin", (margin, 2), fontsize=9, color="0.3")
    ax.set_xlabel("true loss (points)")
    ax.set_ylabel("comparisons that call it free (%)")
    ax.set_title(title)
    ax.legend()
    return ax


def loss_in_parts(parts, title, ax=None):
    """The accuracy that pruning loses at each sparsity, in two parts, as stacked bars.

    Parts of unlike sign both start from 0.

    Parameters
    ----------
    parts : pandas.DataFrame
        Indexed by sparsity, a fraction: ``deletion`` and ``restriction``, in points.
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax, x = ax or plt.gca(), 100 * parts.index
    stacked = np.where(parts.deletion * parts.restriction > 0, parts.deletion, 0)
    deletion = {"color": CONDITIONS["info_deletion"].color}
    restriction = {"color": CONDITIONS["prune_pretrain"].color, "hatch": "//", "edgecolor": "white"}
    ax.bar(x, parts.deletion, 7, label="deletion: lost even\nwithout the restriction", **deletion)
    ax.bar(
        x,
        parts.restriction,
        7,
        bottom=stacked,
        label="restriction: won back\nwithout it",
        **restriction,
    )
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_ylabel("accuracy lost against dense (points)")
    ax.set_title(title)
    return sparsity_axis(ax)


def steps_of_two_tasks(steps, claimed, title, ax=None):
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
        look = {"marker": style.marker, "s": 60, "edgecolor": style.color}
        ax.scatter(filled[x], filled[y], facecolor=style.color, label=style.label, **look)
        ax.scatter(hollow[x], hollow[y], facecolor="none", **look)
    star = {"marker": "*", "markersize": 18, "color": "black", "linestyle": ""}
    ax.plot(claimed[x], claimed[y], label="the paper's sentence", **star)
    ax.set_xlabel(f"{x}: accuracy lost (points)")
    ax.set_ylabel(f"{y}: accuracy lost (points)")
    ax.set_title(title)
    ax.legend()
    return ax


def movement_by_matrix(movement, ax=None):
    """How far the weights of each matrix move on average in the order of magnitudes, as bars.

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
    ax.set_xlabel("mean movement in the order of magnitudes (%)")
    return ax


def places(before, after, title, ax=None):
    """The place of each weight in the order of magnitudes, before and after fine-tuning.

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
    dots = {"s": 1, "alpha": 0.3, "color": CONDITIONS["prune_pretrain"].color}
    ax.scatter(x, y, rasterized=True, **dots)
    ax.plot([0, 100], [0, 100], color="black", linewidth=0.8)
    ax.set_xlabel("place before fine-tuning (%)")
    ax.set_ylabel("place after (%)")
    ax.set_title(title)
    return ax


def own_times(rows, batch, ax=None):
    """The learner's own milliseconds as stars, in the colours of `engine_times`.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of one model, from `helpers.cost.speed.engine_times`.
    batch : int
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.gca()
    star = {"linestyle": "", "marker": "*", "markersize": 15, "markeredgecolor": "black"}
    own = rows[rows.batch == batch]
    for engine, points in own.groupby("engine"):
        color = ENGINE_STYLE[engine].color
        ax.plot(100 * points.sparsity, points.ms, color=color, zorder=5, **star)
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * own.ms.max()))  # a slow machine's are in view, too
    return ax


def accuracy_against_time(kinds, dense, ax=None):
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
        look = {"color": style.color, "marker": style.marker, "markersize": 8, "capsize": 3}
        ax.errorbar(line.ms, 100 * line["mean"], yerr=100 * ends, label=name, **look)
        for sparsity, ms, mean in zip(line.index, line.ms, line["mean"]):
            place = {"xytext": (7, 4), "textcoords": "offset points", "fontsize": 9}
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

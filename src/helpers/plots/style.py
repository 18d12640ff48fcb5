"""What all figures share: colours, fonts, axes and names at the ends of lines."""

import textwrap
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

COLORS = sns.color_palette("colorblind")
Look = dict[str, Any]  # more arguments for a function of matplotlib


class Style(NamedTuple):
    """How something looks in every figure."""

    color: str | tuple
    marker: str
    label: str


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
LINES = ("-", (0, (4, 2)), (0, (1, 1.5)), "-.")


def method_style(method: str) -> dict:
    """Colour, marker and label for a way of pruning: random is red here as everywhere."""
    color, marker = {
        "magnitude": (0, "o"),
        "gradual": (0, "o"),
        "one shot": (4, "P"),
        "random": (3, "X"),
    }[method]
    return {"color": COLORS[color], "marker": marker, "label": method}


def use_style() -> None:
    """Fonts and grid of the course; call once at the top of a notebook."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind")
    plt.rcParams.update(
        {
            "figure.figsize": (7.5, 4.2),
            "figure.dpi": 90,
            "savefig.bbox": "tight",
            "axes.titlesize": "medium",
            "legend.frameon": True,  # a ground, but no edge: grid lines do not run through names
            "legend.edgecolor": "none",
            "legend.fontsize": "small",
            "axes.titlelocation": "left",
        }
    )


def sparsity_axis(ax: Axes) -> Axes:
    """Label the x axis as sparsity in percent."""
    ax.set_xlabel("sparsity (% of weights pruned)")
    return ax


def scale_of(metric: str) -> int:
    """By what a metric is multiplied for a figure: accuracy is drawn in %."""
    return 100 if metric == "accuracy" else 1


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


def label_ends(labels: Mapping[str, tuple[float, float, Any]], ax: Axes | None = None) -> Axes:
    """Write the name of each line beside its right end, apart where two ends nearly meet.

    The x axis ends just behind the last point, so the names stand outside the frame. Call it when
    the y axis has its final limits.

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
    if not labels:
        return ax
    edge = max(x for x, *_ in labels.values())
    ax.set_xlim(right=edge + 0.02 * (edge - ax.get_xlim()[0]))
    inches = ax.get_window_extent().height / ax.figure.dpi
    bottom, top = ax.get_ylim()
    gap, lowest = (top - bottom) * 0.2 / max(inches, 1), -np.inf
    for name, (x, y, color) in sorted(labels.items(), key=lambda item: item[1][1]):
        lines = 1 + name.count("\n")
        lowest = max(y, lowest + gap * (lines + 1) / 2)
        place: Look = {"xytext": (12, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(name, (x, lowest), color=color, fontsize=9.5, annotation_clip=False, **place)
        lowest += gap * (lines - 1) / 2
    return ax


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
    return label_ends(ends, ax)

"""Bytes and milliseconds against sparsity."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..conditions import CONDITIONS, Condition
from .style import COLORS, METRIC_LABEL, Look, Style, sparsity_axis

FORMAT_STYLE = {
    "dense": Style((0.35, 0.35, 0.35), "D", "dense, 32 bits"),
    "csr": Style(COLORS[3], "X", "CSR"),
    "bitmask": Style(COLORS[0], "o", "bit mask + values"),
    "zstd": Style(COLORS[2], "^", "zstd"),
    "half": Style(COLORS[1], "s", "half precision"),
    "int8": Style(COLORS[4], "P", "int8"),
}
ENGINE_STYLE = {
    "dense": Style((0.35, 0.35, 0.35), "D", "dense (PyTorch)"),
    "CSR": Style(COLORS[3], "X", "CSR (torch.sparse)"),
    "int8": Style(COLORS[4], "P", "int8 (PyTorch)"),
    "smaller": Style((0.45, 0.2, 0.6), "h", "heads and neurons cut out"),
    "OpenVINO": Style(COLORS[2], "^", "OpenVINO"),
    "OpenVINO, sparse weights": Style(COLORS[1], "v", "OpenVINO, sparse weights"),
    "torchao int8": Style((0.6, 0.55, 0.0), "*", "int8 (torchao)"),
}


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
    star: Look = {"linestyle": "", "marker": "*", "markersize": 15, "markeredgecolor": "black"}
    own = rows[rows.batch == batch]
    for engine, points in own.groupby("engine"):
        color = ENGINE_STYLE[engine].color
        ax.plot(100 * points.sparsity, points.ms, color=color, zorder=5, **star)
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * own.ms.max()))  # a slow machine's are in view, too
    return ax


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
    for number, (name, (line, style)) in enumerate(kinds.items()):
        ends = np.stack([line["mean"] - line.low, line.high - line["mean"]])
        look: Look = {"color": style.color, "marker": style.marker, "markersize": 8, "capsize": 3}
        ax.errorbar(line.ms, 100 * line["mean"], yerr=100 * ends, label=name, **look)
        # names at the left of the first line, at the right of the others; in turns above and below
        aside: Look = {"fontsize": 9, "ha": "left" if number else "right"}
        for turn, (sparsity, ms, mean) in enumerate(zip(line.index, line.ms, line["mean"])):
            shift = (7 if number else -7, -12 if turn % 2 else 5)
            place: Look = {"xytext": shift, "textcoords": "offset points"}
            ax.annotate(f"{sparsity:.0%}", (ms, 100 * mean), **place, **aside)
    style, (ms, accuracy) = CONDITIONS["dense"], dense
    look = {"color": style.color, "marker": style.marker, "linestyle": ""}
    ax.plot(ms, 100 * accuracy, label="dense, nothing pruned", **look)
    ax.axhline(100 * accuracy, color="0.35", linestyle="--", linewidth=1)
    ax.margins(x=0.12)
    ax.set_xlim(0)
    ax.set_ylabel(METRIC_LABEL["accuracy"])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    ax.set_title("Accuracy against time: up and to the left is better")
    return ax

"""Weights, masks, matrices and heads: what pruning takes, and where it hurts."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from ..conditions import CONDITIONS
from ..weights import expected_difference
from .style import COLORS, Look, sparsity_axis

if TYPE_CHECKING:
    import torch

PRUNED_COLOR = COLORS[3]  # of weights below the threshold
ATTENTION = ("query", "key", "value", "attention output")  # as `matrix_names` calls them


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
    for part, color in ((slice(0, below), PRUNED_COLOR), (slice(below, None), COLORS[0])):
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
    ax.imshow(corner, cmap="cividis_r", vmin=0, vmax=1, interpolation="none")
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
        look: Look = {"color": COLORS[0]} if not number else {"color": "0.3", "linestyle": "--"}
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
        ``column_high``, the emptiest's and fullest's share that is kept. All are fractions. With
        ``chance_`` before their names: the same of random masks, drawn as ticks, if they are there.
    squares, ranges : matplotlib.axes.Axes
        With a common y axis.
    """
    y = np.arange(len(table))
    squares.plot(100 * table.squares, y, "o", color=COLORS[0])
    squares.set_xlim(0, 100)
    squares.set_xlabel("sum of squares left (%)")
    squares.set_yticks(y, table.index, fontsize=9)
    squares.invert_yaxis()
    for part, shift, color in (("row", -0.18, COLORS[0]), ("column", 0.18, COLORS[1])):
        low, high = 100 * table[f"{part}_low"], 100 * table[f"{part}_high"]
        ranges.hlines(y + shift, low, high, color=color, linewidth=4, label=f"{part}s")
        if f"chance_{part}_low" in table:
            for end in ("low", "high"):
                name = "by chance" if (part, end) == ("column", "high") else ""
                chance: Look = {"color": "0.1", "markersize": 6, "linestyle": "", "label": name}
                ranges.plot(100 * table[f"chance_{part}_{end}"], y + shift, marker="|", **chance)
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
    ax = (100 * table).plot.barh(figsize=(7.5, 5.5), width=0.75, ax=ax, color=["0.6", COLORS[0]])
    ax.invert_yaxis()
    ax.set_xlim(0, 100)
    ax.tick_params(axis="y", labelsize=9)
    ax.set_xlabel(xlabel)
    return ax


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
    ax.errorbar(cost["mean"], y, xerr=ends, fmt="o", color=COLORS[0], capsize=3)
    ax.axvline(0, color="0.4", linewidth=1)
    ax.set_xscale("symlog", linthresh=0.01, linscale=0.6)
    ticks = [0, 0.01, 0.03, 0.1, 0.3, 1, 3]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks(y, cost.index, fontsize=9)
    ax.invert_yaxis()
    ax.set_xlabel("rise of the MLM loss (nats, mean and 95% interval)")
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


def _head_look(layer):
    return {"color": COLORS[(0, 1, 2)[layer % 3]], "marker": "os^"[layer % 3], "linestyle": ""}


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
    # above one interval, below the next: neighbours have their names in different places
    for number, head in enumerate(heads.sort_values("pruned").itertuples()):
        end, points, side = ((head.high, 3, "bottom"), (head.low, -3, "top"))[number % 2]
        place: Look = {"xytext": (0, points), "textcoords": "offset points", "fontsize": 9}
        ax.annotate(str(head.Index), (100 * head.pruned, end), ha="center", va=side, **place)
    ax.margins(y=0.1)
    ax.axhline(0, color="0.4", linewidth=1)
    ax.set_xlabel("share of the head that is pruned at 60% (%)")
    ax.set_ylabel("cost of removing it (nats, 95% interval)")
    ax.legend(loc="upper right")
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
            color=COLORS[number],
            label=name,
        )
    ax.set_ylabel("entries in which the masks differ (%)")
    ax.set_ylim(0)
    ax.legend()
    return sparsity_axis(ax)


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

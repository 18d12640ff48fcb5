"""Widgets about weights: thresholds, schedules, what pruned BERT still knows, how masks overlap."""

import copy
import html
from collections.abc import Mapping
from functools import lru_cache

import ipywidgets
import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ... import plots
from ...conditions import CONDITIONS
from ...pruning import prunable_parameters
from ...training import top_words
from ...weights import expected_difference, head_blocks
from ..layout import wide
from .base import (
    LEVELS,
    Explorer,
    TextExplorer,
    choice,
    paragraph,
    plain,
    printing_into,
    sparsity_slider,
)

# The sparsities that a slider reaches on a page without a kernel
ON_PAGE = (*LEVELS[::10], LEVELS[95], LEVELS[99])
# What `bert_forgets` prunes, here and on the page: a name → whether a matrix belongs
GROUPS = {
    "all matrices": lambda name: True,
    "attention only": lambda name: "attention" in name,
    "feed-forward only": lambda name: (
        any(part in name for part in ("intermediate", "output", "ffn")) and "attention" not in name
    ),
    "word embeddings only": lambda name: "word_embeddings" in name,
}


def threshold_explorer(weights: Mapping[str, torch.Tensor]) -> Explorer:
    """Slide the sparsity: the histogram of |w| with the threshold, and the mask.

    Parameters
    ----------
    weights : dict of str to torch.Tensor
        For example from `helpers.pruning.prunable_parameters`.
    """
    tables = {
        name: _Magnitudes(weight.detach()) for name, weight in _with_bar(weights, "magnitudes")
    }
    together = _Magnitudes.merged(tables.values())
    names = list(zip(plots.matrix_names(weights), weights))

    def stage(figure, matrix):
        table, (counts, edges) = tables[matrix], tables[matrix].histogram
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        plots.magnitude_histogram(counts, edges, 0, left)
        plots.mask_image(table.corner > 0, right)
        right.set_title("dark: kept\nlight: pruned", fontsize=10)
        (line,), (label,), (image,) = left.lines, left.texts, right.images
        below = left.stairs(0 * counts, edges, fill=True, color=plots.PRUNED_COLOR)

        def move(scope, sparsity):
            threshold = (table if scope == "matrix" else together).threshold(sparsity)
            pruned = (
                round(table.entries * sparsity) if scope == "matrix" else table.below(threshold)
            )
            below.set_data(np.where(edges[1:] <= threshold, counts, 0))
            line.set_xdata([threshold] * 2)
            at = min(threshold, edges[-1])  # of all matrices' it may lie beyond this one's weights
            label.xy, late = (at, 0.95), at > 0.75 * edges[-1]
            label.set(
                x=at,
                ha="right" if late else "left",
                text="threshold  " if late else "  threshold",
            )
            image.set_data(table.corner > threshold)
            of_all = ""
            if scope == "global":
                of_all = (
                    f"One threshold for all {len(tables)} matrices prunes "
                    f"{pruned / table.entries:.0%} of this one. "
                )
            return (
                f"The threshold is <b>{threshold:.3g}</b>. {of_all}{pruned:,} of {table.entries:,} "
                f"weights are pruned and {table.entries - pruned:,} kept. The kept ones carry "
                f"<b>{table.norm_above(pruned):.1%}</b> of the squared norm."
            )

        return move, [below, line, label, image]

    return Explorer(
        stage,
        {
            "matrix": choice(names, "matrix"),
            "scope": choice(
                [("one for each matrix", "matrix"), ("one for all matrices", "global")], "threshold"
            ),
            "sparsity": sparsity_slider(0.5),
        },
        moving=("scope", "sparsity"),
        on_page={"matrix": list(weights)[:8], "sparsity": ON_PAGE},
    )


class _Magnitudes:
    """The magnitudes of a matrix, counted in bins of 2⁻¹¹ of their size.

    The bits of positive floats are ordered as the floats are, so their upper 20 bits are the bin.
    That is as good as sorted, for a fraction of the time and memory: BERT-Base's word embeddings
    have 23 million entries and some 20,000 bins.
    """

    SHIFT = 12

    def __init__(self, weight):
        magnitude = np.ascontiguousarray(weight.abs().float().cpu().numpy()).ravel()
        bits = magnitude.view(np.int32) >> self.SHIFT
        counts = np.bincount(bits)
        self.bins = np.flatnonzero(counts)
        self._set(counts[self.bins], np.bincount(bits, weights=np.square(magnitude))[self.bins])
        self.corner = weight[:96, :96].abs().float().cpu()

    @classmethod
    def merged(cls, tables):
        """All matrices as if they were one."""
        merged = cls.__new__(cls)
        every = np.concatenate([table.bins for table in tables])
        merged.bins, places = np.unique(every, return_inverse=True)
        merged._set(
            *(
                np.bincount(
                    places, weights=np.concatenate([getattr(table, name) for table in tables])
                )
                for name in ("counts", "squares")
            )
        )
        return merged

    def _set(self, counts, squares):
        self.counts, self.squares = counts, squares
        self.edges = ((self.bins + 1) << self.SHIFT).astype(np.int32).view(np.float32)  # upper ends
        self.ranks, self.norms = counts.cumsum(), squares.cumsum()
        self.entries = int(self.ranks[-1])
        top = self.edges[np.searchsorted(self.ranks, 0.999 * self.entries)]
        self.histogram = np.histogram(
            self.edges, np.linspace(0, max(top, 1e-12), 61), weights=counts
        )

    def threshold(self, sparsity):
        """The magnitude up to which that share of the entries lies; 0 where none is pruned."""
        count = round(self.entries * sparsity)
        return float(self.edges[np.searchsorted(self.ranks, count)]) if count else 0.0

    def below(self, threshold):
        """How many entries are at most this large."""
        return int(np.interp(threshold, self.edges, self.ranks, left=0))

    def norm_above(self, pruned):
        """The share of the squared norm that is left without the `pruned` smallest entries."""
        if not self.norms[-1]:
            return 1.0
        return 1 - float(
            np.interp(pruned, np.concatenate([[0], self.ranks]), np.concatenate([[0], self.norms]))
            / self.norms[-1]
        )


def schedule_explorer(steps: int = 1000) -> Explorer:
    """Change the cubic schedule and see it beside one-shot and linear pruning."""
    x = np.arange(steps + 1)
    kinds = ("with your exponent\n(3: cubic, Zhu & Gupta)", "linear", "one shot")

    def stage(figure):
        ax = figure.subplots()
        plots.schedule_lines({kind: (x, 0 * x) for kind in kinds}, ax)
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        ax.set_xlim(0, steps)
        ax.set_ylim(-3, 103)

        def move(final, initial, begin, end, exponent):
            backwards, high = end < begin, initial > final
            end, initial = max(begin, end), min(initial, final)
            ramp = np.clip((x - begin) / max(end - begin, 1), 0, 1)

            def rising(power):
                ramped = final + (initial - final) * (1 - ramp) ** power
                return np.where(x < begin, initial, final if end == begin else ramped)

            at_once = np.where(x >= begin, final, initial)
            for line, sparsities in zip(ax.lines, (rising(exponent), rising(1), at_once)):
                line.set_ydata(100 * sparsities)
            alike = f"An exponent of {exponent} changes nothing."
            if initial == final:
                why = "is above" if high else "is"
                return (
                    f"The initial sparsity {why} the final one, so nothing is pruned on the way. "
                    f"{alike}"
                )
            if end == begin:
                why = "ends before" if backwards else "ends where"
                told = f"The ramp {why} it begins, so all three prune at once, at step {begin}."
                return f"{told} {alike}"
            return (
                f"Half-way through its ramp, at step {begin + (end - begin) // 2}, the schedule "
                f"with exponent {exponent} has done <b>{1 - 0.5**exponent:.0%}</b> of its pruning. "
                "A linear one has done 50%."
            )

        return move, list(ax.lines)

    def slider(value, name, low, high, step):
        return ipywidgets.IntSlider(value, low, high, step=step, description=name, **wide())

    step = max(1, steps // 50)
    controls = {
        "final": sparsity_slider(0.8, description="final sparsity"),
        "initial": sparsity_slider(0.0, description="initial sparsity"),
        "begin": slider(0, "first step", 0, steps, step),
        "end": slider(steps // 2, "last step", 0, steps, step),
        "exponent": slider(3, "exponent", 1, 6, 1),
    }
    on_page = {
        "final": (0.5, 0.7, 0.8, 0.9, 0.95),
        "initial": (0.0, 0.3),
        "begin": (0, steps // 5),
        "end": (steps // 5, steps // 2, steps),
        "exponent": (1, 2, 3, 6),
    }
    return Explorer(stage, controls, moving=tuple(controls), on_page=on_page)


def bert_forgets(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentence: str
) -> TextExplorer:
    """Type a sentence with [MASK], slide the sparsity, and read what the pruned model fills in.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        With an MLM head; it is not changed.
    tokenizer : transformers.PreTrainedTokenizerBase
    sentence : str
        What the text field holds at first.
    """
    weights, pruned = prunable_parameters(model), copy.deepcopy(model).eval()
    targets = prunable_parameters(pruned)
    thresholds = {name: _thresholds(weight) for name, weight in _with_bar(weights, "thresholds")}

    @torch.no_grad()
    def prune(group, method, sparsity):
        # the same draw at each sparsity: what is pruned stays pruned further up
        generator = torch.Generator().manual_seed(0)
        for name, weight in weights.items():
            if not GROUPS[group](name):
                targets[name].copy_(weight)
                continue
            if method == "random":
                kept = torch.rand(weight.shape, generator=generator) >= sparsity
            else:
                kept = weight.abs() > float(np.interp(sparsity, LEVELS, thresholds[name]))
            torch.mul(weight, kept, out=targets[name])

    dense_words = lru_cache(64)(lambda sentence: top_words(model, tokenizer, sentence))

    @lru_cache(1000)  # a position that was seen before answers at once
    def pruned_words(sentence, group, method, sparsity):
        prune(group, method, sparsity)
        return top_words(pruned, tokenizer, sentence)

    # A large model takes too long to answer while the slider moves. So it is asked at each position
    # beforehand, and there are fewer of them.
    large = sum(weight.numel() for weight in weights.values()) > 10e6
    positions, asked, bars = LEVELS[::5] if large else LEVELS, set(), ipywidgets.Output()

    def ask_beforehand(*chosen):
        if chosen in asked:
            return
        with printing_into(bars):
            for position in tqdm(positions, desc="pruning to every sparsity", leave=False):
                pruned_words(*chosen, position)
        asked.add(chosen)

    def answer(sentence, group, method, sparsity):
        try:
            before = dense_words(sentence)
        except ValueError as error:
            return plain(str(error))
        if large:
            ask_beforehand(sentence, group, method)
        after = pruned_words(sentence, group, method, sparsity)
        kept = sum(word in dict(after) for word, _ in before)
        said = f"{kept} of the dense model's five words are still among the first five."
        unknown = [
            word for word in sentence.split() if tokenizer.unk_token in tokenizer.tokenize(word)
        ]
        if unknown:
            said += f"<br>The model has never seen: {html.escape(', '.join(unknown))}"
        return _word_table(before, after, sparsity) + paragraph(said)

    return TextExplorer(
        answer,
        {
            "sentence": ipywidgets.Text(
                sentence, description="sentence", continuous_update=False, **wide(600)
            ),
            "group": choice(list(GROUPS), "prune"),
            "method": choice(["magnitude", "random"], "by"),
            "sparsity": sparsity_slider(0.0, positions),
        },
        below=[bars],
    )


def _word_table(before, after, sparsity):
    """Words and probabilities of the dense model and of the pruned one, side by side, as HTML."""
    color, right = CONDITIONS["prune_pretrain"].color, "text-align:right"
    rows = "".join(
        f"<tr><td>{html.escape(w)}</td><td style='{right}'>{p:.1%}</td>"
        f"<td style='padding-left:2em'><b>{html.escape(v)}</b></td>"
        f"<td style='{right}'>{q:.1%}</td>"
        f"<td><div style='background:{color};height:10px;width:{150 * q:.0f}px'></div></td></tr>"
        for (w, p), (v, q) in zip(before, after)
    )
    return (
        "<table style='min-height:150px;line-height:1.4'><tr><th colspan=2>dense</th>"
        f"<th colspan=3 style='padding-left:2em'>pruned to {sparsity:.0%}</th></tr>{rows}</table>"
    )


def _thresholds(weight):
    """The magnitude up to which a matrix is pruned, at each of `LEVELS`; -1 where nothing is."""
    magnitude = weight.detach().abs().float().cpu().numpy().ravel()
    ranks = [round(len(magnitude) * s) for s in LEVELS]
    ordered = np.partition(magnitude, sorted({rank - 1 for rank in ranks if rank}))
    return np.array([ordered[rank - 1] if rank else -1.0 for rank in ranks], dtype=np.float32)


def sensitivity_map(costs: pd.DataFrame, noise: float | None = None) -> Explorer:
    """Slide the sparsity: how much the loss rises when only one matrix is pruned, layer by layer.

    Parameters
    ----------
    costs : pandas.DataFrame
        Columns ``matrix`` (as `helpers.plots.matrix_names` gives them), ``sparsity`` and ``rise``
        (nats).
    noise : float, optional
        A rise of at most this many nats is too small to tell from none. Default: the largest fall,
        at least 0.005. Nobody expects a fall from pruning, so it says how far chance reaches.
    """
    rises = {
        sparsity: rows.set_index("matrix").rise for sparsity, rows in costs.groupby("sparsity")
    }
    top = costs.rise.max()
    if noise is None:
        noise = max(0.005, -costs.rise.min())

    def stage(figure):
        ax = figure.subplots()
        plots.sensitivity_map(next(iter(rises.values())), top, ax)
        (image,), texts = ax.images, list(ax.texts)

        def move(sparsity):
            grid = plots.layer_grid(rises[sparsity])
            image.set_data(grid)
            for text, value in zip(texts, grid.to_numpy().ravel()):
                text.set(text=f"{value:z.2f}", color="white" if value > 0.55 * top else "black")
            return _sensitivities(rises[sparsity], sparsity, noise)

        return move, [image, *texts]

    layers = len({name.split()[0] for name in costs.matrix if name[0].isdigit()})
    return Explorer(
        stage,
        {"sparsity": sparsity_slider(max(rises), list(rises))},
        size=(8.6, 1.6 + 0.4 * layers),
        moving=("sparsity",),
    )


def _sensitivities(rise, sparsity, noise):
    """Which matrices matter most, in words."""
    told = rise[rise > noise].sort_values(ascending=False)
    start, limit = f"Each matrix alone pruned to {sparsity:.0%}: ", f"up to {noise:.2g} nats"
    if told.empty:
        return f"{start}every rise is too small to tell from none ({limit})."
    ranked = [f"{name} ({value:+.2f})" for name, value in told.items()]
    said = f"{start}most sensitive is <b>{told.index[0]}</b> ({told.iloc[0]:+.2f} nats)"
    if len(told) > 1:
        said += f", then {ranked[1]}"
    if len(told) < len(rise):
        said += f". Too small to tell ({limit}): {len(rise) - len(told)} of {len(rise)} matrices"
    elif len(told) > 2:
        said += f"; least {ranked[-1]}"
    outside = [
        f"{name} {value:+.2f}" if value > noise else f"{name} too small to tell"
        for name, value in rise.items()
        if not name[0].isdigit()
    ]
    return f"{said}. Not in a layer: {'; '.join(outside)}." if outside else f"{said}."


def mask_overlap(before: torch.nn.Module, after: torch.nn.Module) -> Explorer:
    """Slide the sparsity: how far the masks of two models differ, matrix by matrix.

    Parameters
    ----------
    before, after : torch.nn.Module
        Two models of one architecture, such as BERT before and after fine-tuning.
    """
    first, second = prunable_parameters(before), prunable_parameters(after)
    # An entry differs from the sparsity at which one mask prunes it to that at which both do
    levels = {name: (_level(w), _level(second[name])) for name, w in _with_bar(first, "ranks")}
    differ = {
        "matrix": {
            name: _differing(*pair)
            for name, pair in zip(plots.matrix_names(first), levels.values())
        },
        "head": {head: _differing(*pair) for head, pair in _by_head(before, levels).items()},
    }
    sizes = [w.numel() for w in first.values()]
    total = sum(d * n for d, n in zip(differ["matrix"].values(), sizes)) / sum(sizes)

    def stage(figure, by):
        ax, places = figure.subplots(), list(differ[by])
        bars = ax.barh(places, [0] * len(places), color=CONDITIONS["prune_pretrain"].color)
        line = ax.axvline(0, color="0.4", linestyle="--")
        label = ax.annotate(
            "independent masks",
            (0, 0.02),
            xycoords=ax.get_xaxis_transform(),
            xytext=(-3, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="bottom",
            fontsize=8,
        )
        ax.set_xlim(0, 55)
        ax.margins(y=0.01)
        ax.invert_yaxis()
        ax.tick_params(axis="y", labelsize=8)
        if len(places) > 30:  # BERT-Base has 74 matrices and 144 heads
            ax.set_yticks(range(0, len(places), len(places) // 20))
        ax.set_xlabel("entries in which the masks differ (%)")

        def move(sparsity):
            place, expected = LEVELS.index(sparsity), expected_difference(sparsity)
            here = {key: shares[place] for key, shares in differ[by].items()}
            for bar, share in zip(bars, here.values()):
                bar.set_width(100 * share)
            line.set_xdata([100 * expected] * 2)
            label.xy, left = (100 * expected, 0.02), expected > 0.02
            label.set(x=-3 if left else 3, ha="right" if left else "left")
            most, least = max(here, key=here.get), min(here, key=here.get)
            return (
                f"At {sparsity:.0%} sparsity the masks differ in <b>{total[place]:.2%}</b> of all "
                f"entries; independent masks would differ in {expected:.1%}. "
                f"Most in {most} ({here[most]:.1%}), least in {least} ({here[least]:.1%})."
            )

        return move, [*bars, line, label]

    ways = [("by matrix", "matrix")] + [("by attention head", "head")] * bool(differ["head"])
    return Explorer(
        stage,
        {"by": choice(ways, "bars"), "sparsity": sparsity_slider(0.6)},
        size=(8.6, 4.2),
        moving=("sparsity",),
        on_page={"sparsity": ON_PAGE},
    )


def _by_head(model, levels):
    """The pairs of levels of all entries that belong to an attention head, by the head's name."""
    heads = {}
    blocks = (
        head_blocks(model, {name: pair[side] for name, pair in levels.items()}) for side in (0, 1)
    )
    for (layer, head, _, first), (*_, second) in zip(*blocks):
        pairs = heads.setdefault(f"layer {layer}, head {head}", [])
        pairs.append((first.flatten(), second.flatten()))
    return {head: [torch.cat(parts) for parts in zip(*pairs)] for head, pairs in heads.items()}


def _with_bar(weights, what):
    """The items of `weights`, with a progress bar where there are many."""
    return tqdm(weights.items(), desc=what, leave=False, disable=len(weights) < 40)


def _level(weight):
    """For each entry the place in `LEVELS` from which on it is pruned; 100 if at none."""
    magnitude = weight.detach().abs().float().cpu()
    counts = [round(magnitude.numel() * level) for level in LEVELS]
    # from the smallest on, entries of the same magnitude in their order, as magnitude masks are
    levels = torch.searchsorted(
        torch.tensor(counts), torch.arange(magnitude.numel()), right=True
    ).to(torch.uint8)
    places = magnitude.flatten().argsort(stable=True)
    return torch.empty_like(levels).scatter_(0, places, levels).reshape(magnitude.shape)


def _differing(first, second):
    """The share of entries that only one of two masks prunes, at each of `LEVELS`."""
    begin, end = (
        torch.bincount(part.flatten().int(), minlength=len(LEVELS) + 1).cumsum(0)
        for part in (torch.minimum(first, second), torch.maximum(first, second))
    )
    return ((begin - end)[: len(LEVELS)] / first.numel()).numpy()

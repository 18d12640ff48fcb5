"""Widgets about weights: thresholds, schedules, what pruned BERT still knows, how masks overlap."""

import copy
import html
from functools import lru_cache

import ipywidgets
import numpy as np
import torch
from tqdm.auto import tqdm

from ... import plots
from ...conditions import CONDITIONS
from ...pruning import prunable_parameters
from ...training import top_words
from ...weights import expected_difference, head_blocks
from .base import LEVELS, WIDE, choice, explorer, sparsity_slider


def threshold_explorer(weights):
    """Slide the sparsity: the histogram of |w| with the threshold, and the mask.

    Parameters
    ----------
    weights : dict of str to torch.Tensor
        For example from `helpers.pruning.prunable_parameters`.
    """
    tables = {
        name: _Magnitudes(weight.detach())
        for name, weight in tqdm(
            weights.items(), desc="magnitudes", leave=False, disable=len(weights) < 40
        )
    }
    together = _Magnitudes.merged(tables.values())
    names = list(zip(plots.matrix_names(weights), weights))

    def stage(figure, matrix):
        table, (counts, edges) = tables[matrix], tables[matrix].histogram
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        plots.magnitude_histogram(counts, edges, 0, left)
        plots.mask_image(table.corner > 0, right)
        (line,), (label,), (image,) = left.lines, left.texts, right.images
        below = left.stairs(0 * counts, edges, fill=True, color=plots.PRUNED_COLOR)

        def move(scope, sparsity):
            threshold = (table if scope == "matrix" else together).threshold(sparsity)
            pruned = (
                round(table.entries * sparsity) if scope == "matrix" else table.below(threshold)
            )
            below.set_data(np.where(edges[1:] <= threshold, counts, 0))
            line.set_xdata([threshold] * 2)
            label.xy = (threshold, 0.95)
            late = threshold > 0.75 * edges[-1]
            label.set(
                x=threshold,
                ha="right" if late else "left",
                text="threshold  " if late else "  threshold",
            )
            image.set_data(table.corner > threshold)
            of_all = (
                ""
                if scope == "matrix"
                else f"one threshold for all {len(tables)} matrices prunes {100 * pruned / table.entries:.0f}% of this one, "
            )
            return (
                f"The threshold is <b>{threshold:.3g}</b>: {of_all}{pruned:,} of {table.entries:,} weights are pruned, {table.entries - pruned:,} kept. "
                f"The kept ones carry <b>{100 * table.norm_above(pruned):.1f}%</b> of the squared norm."
            )

        return move, [below, line, label, image]

    return explorer(
        stage,
        {
            "matrix": choice(names, "matrix"),
            "scope": choice(
                [("one for each matrix", "matrix"), ("one for all matrices", "global")], "threshold"
            ),
            "sparsity": sparsity_slider(0.5),
        },
        moving=("scope", "sparsity"),
    )


class _Magnitudes:
    """The magnitudes of a matrix, counted in bins of 2⁻¹¹ of their size.

    The bits of positive floats are ordered as the floats are, so their upper 20 bits are the bin. That is as good as
    sorted, for a fraction of the time and memory: BERT-Base's word embeddings have 23 million entries and some 20,000 bins.
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


def schedule_explorer(steps=1000):
    """Change the cubic schedule and see it beside one-shot and linear pruning."""
    slider = lambda value, name, low, high, step: ipywidgets.IntSlider(
        value, low, high, step=step, description=name, **WIDE
    )

    x = np.arange(steps + 1)
    kinds = ("with your exponent (3: cubic, Zhu & Gupta)", "linear", "one shot")

    def stage(figure):
        ax = figure.subplots()
        plots.schedule_lines({kind: (x, 0 * x) for kind in kinds}, ax)
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        ax.set_xlim(0, steps)
        ax.set_ylim(-3, 103)

        def move(final, initial, begin, end, exponent):
            end, initial = max(begin, end), min(initial, final)
            ramp = np.clip((x - begin) / max(end - begin, 1), 0, 1)
            rising = lambda power: np.where(
                x < begin,
                initial,
                final if end == begin else final + (initial - final) * (1 - ramp) ** power,
            )
            for line, sparsities in zip(
                ax.lines, (rising(exponent), rising(1), np.where(x >= begin, final, initial))
            ):
                line.set_ydata(100 * sparsities)
            moved = ""
            if end == begin:
                moved = " The last step is not after the first: all three prune at once."
            elif initial == final:
                moved = " Initial and final sparsity are the same: nothing is pruned on the way."
            return (
                f"Half-way through its ramp, at step {begin + (end - begin) // 2}, the schedule with exponent {exponent} has done "
                f"<b>{100 * (1 - 0.5**exponent):.0f}%</b> of its pruning, a linear one 50%.{moved}"
            )

        return move, list(ax.lines)

    controls = {
        "final": sparsity_slider(0.8, description="final sparsity"),
        "initial": sparsity_slider(0.0, description="initial sparsity"),
        "begin": slider(0, "first step", 0, steps, max(1, steps // 50)),
        "end": slider(steps // 2, "last step", 0, steps, max(1, steps // 50)),
        "exponent": slider(3, "exponent", 1, 6, 1),
    }
    return explorer(stage, controls, size=(9.6, 3.4), moving=tuple(controls))


def bert_forgets(model, tokenizer, sentence):
    """Type a sentence with [MASK], slide the sparsity, and read what the pruned model fills in.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        With an MLM head; it is not changed.
    tokenizer : transformers.PreTrainedTokenizer
    sentence : str
        What the text field holds at first.
    """
    groups = {
        "all matrices": lambda name: True,
        "attention only": lambda name: "attention" in name,
        "feed-forward only": lambda name: (
            any(part in name for part in ("intermediate", "output", "ffn"))
            and "attention" not in name
        ),
        "word embeddings only": lambda name: "word_embeddings" in name,
    }
    weights, pruned = prunable_parameters(model), copy.deepcopy(model).eval()
    targets = prunable_parameters(pruned)
    thresholds = {
        name: _thresholds(weight)
        for name, weight in tqdm(
            weights.items(), desc="thresholds", leave=False, disable=len(weights) < 40
        )
    }
    text = ipywidgets.Text(
        sentence,
        description="sentence",
        continuous_update=False,
        layout=ipywidgets.Layout(width="600px"),
        style={"description_width": "110px"},
    )

    @torch.no_grad()
    def prune(group, method, sparsity):
        generator = torch.Generator().manual_seed(
            0
        )  # the same draw at each sparsity: what is pruned stays pruned further up
        for name, weight in weights.items():
            if not groups[group](name):
                targets[name].copy_(weight)
            elif method == "random":
                torch.mul(
                    weight,
                    torch.rand(weight.shape, generator=generator) >= sparsity,
                    out=targets[name],
                )
            else:
                torch.mul(
                    weight,
                    weight.abs() > float(np.interp(sparsity, LEVELS, thresholds[name])),
                    out=targets[name],
                )

    dense = lru_cache(64)(lambda sentence: top_words(model, tokenizer, sentence))

    @lru_cache(1000)  # a position that was seen before answers at once
    def answer(sentence, group, method, sparsity):
        prune(group, method, sparsity)
        return top_words(pruned, tokenizer, sentence)

    # A large model takes too long to answer while the slider moves, so it is asked at each position beforehand
    large = sum(weight.numel() for weight in weights.values()) > 10e6
    positions, asked, bars = LEVELS[::5] if large else LEVELS, set(), ipywidgets.Output()

    def draw(sentence, group, method, sparsity):
        try:
            before = dense(sentence)
        except ValueError as error:
            return f"<p>{html.escape(str(error))}</p>"
        if large and (sentence, group, method) not in asked:
            with bars:
                for position in tqdm(positions, desc="pruning to every sparsity", leave=False):
                    answer(sentence, group, method, position)
            asked.add((sentence, group, method))
        after = answer(sentence, group, method, sparsity)
        unknown = [
            word for word in sentence.split() if tokenizer.unk_token in tokenizer.tokenize(word)
        ]
        rows = "".join(
            f"<tr><td>{html.escape(w)}</td><td style='text-align:right'>{100 * p:.1f}%</td><td style='padding-left:2em'><b>{html.escape(v)}</b></td>"
            f"<td style='text-align:right'>{100 * q:.1f}%</td><td><div style='background:#0173b2;height:10px;width:{150 * q:.0f}px'></div></td></tr>"
            for (w, p), (v, q) in zip(before, after)
        )
        note = (
            f"<p>The model has never seen: {html.escape(', '.join(unknown))}</p>" if unknown else ""
        )
        kept = sum(word in dict(after) for word, _ in before)
        return (
            f"<table style='min-height:150px;line-height:1.4'><tr><th colspan=2>dense</th><th colspan=3 style='padding-left:2em'>pruned to {100 * sparsity:.0f}%</th></tr>"
            f"{rows}</table><p>{kept} of the dense model's five words are still among the first five.</p>{note}"
        )

    box = explorer(
        draw,
        {
            "sentence": text,
            "group": choice(list(groups), "prune"),
            "method": choice(["magnitude", "random"], "by"),
            "sparsity": sparsity_slider(0.0, positions),
        },
        size=None,
    )
    box.children += (bars,)
    return box


def _thresholds(weight):
    """The magnitude up to which a matrix is pruned, at each of `LEVELS`; -1 where nothing is."""
    magnitude = weight.detach().abs().float().cpu().numpy().ravel()
    ranks = [round(len(magnitude) * s) for s in LEVELS]
    ordered = np.partition(magnitude, sorted({rank - 1 for rank in ranks if rank}))
    return np.array([ordered[rank - 1] if rank else -1.0 for rank in ranks], dtype=np.float32)


def sensitivity_map(costs):
    """Slide the sparsity: how much the loss rises when only one matrix is pruned, layer by layer.

    Parameters
    ----------
    costs : pandas.DataFrame
        Columns ``matrix`` (as `helpers.plots.matrix_names` gives them), ``sparsity`` and ``rise`` (nats).
    """
    rises = {
        sparsity: rows.set_index("matrix").rise for sparsity, rows in costs.groupby("sparsity")
    }
    top = costs.rise.max()

    def stage(figure):
        ax = figure.subplots()
        plots.sensitivity_map(next(iter(rises.values())), top, ax)
        (image,), texts = ax.images, list(ax.texts)

        def move(sparsity):
            here = rises[sparsity]
            grid = plots.layer_grid(here)
            image.set_data(grid)
            for text, value in zip(texts, grid.to_numpy().ravel()):
                text.set(text=f"{value:.2f}", color="white" if value > 0.55 * top else "black")
            ranked = here.sort_values()
            outside = "; ".join(
                f"{name} {here[name]:+.2f}" for name in here.index if not name[0].isdigit()
            )
            return (
                f"Each matrix alone pruned to {100 * sparsity:.0f}%: most sensitive is <b>{ranked.index[-1]}</b> ({ranked.iloc[-1]:+.2f} nats), then {ranked.index[-2]} "
                f"({ranked.iloc[-2]:+.2f}); least {ranked.index[0]} ({ranked.iloc[0]:+.2f}).{f' Not in a layer: {outside}.' if outside else ''}"
            )

        return move, [image, *texts]

    layers = len({name.split()[0] for name in costs.matrix if name[0].isdigit()})
    return explorer(
        stage,
        {"sparsity": sparsity_slider(max(rises), list(rises))},
        size=(8.6, 1.4 + 0.4 * layers),
        moving=("sparsity",),
    )


def mask_overlap(before, after):
    """Slide the sparsity: how far the masks of two models differ, matrix by matrix.

    Parameters
    ----------
    before, after : torch.nn.Module
        Two models of one architecture, such as BERT before and after fine-tuning.
    """
    first, second = prunable_parameters(before), prunable_parameters(after)
    # An entry differs at the sparsities between those from which on one mask prunes it, and the other one does
    levels = {
        name: (_level(w), _level(second[name]))
        for name, w in tqdm(first.items(), desc="ranks", leave=False, disable=len(first) < 40)
    }
    groups = {"matrix": dict(zip(plots.matrix_names(first), levels.values())), "head": {}}
    blocks = (
        head_blocks(before, {name: pair[side] for name, pair in levels.items()}) for side in (0, 1)
    )
    for (layer, head, _, a), (*_, b) in zip(*blocks):
        known = groups["head"].get(key := f"layer {layer}, head {head}")
        pair = a.flatten(), b.flatten()
        groups["head"][key] = tuple(torch.cat(both) for both in zip(known, pair)) if known else pair
    differ = {
        kind: {key: _differing(*pair) for key, pair in members.items()}
        for kind, members in groups.items()
    }
    total = sum(d * w.numel() for d, w in zip(differ["matrix"].values(), first.values())) / sum(
        w.numel() for w in first.values()
    )

    def stage(figure, by):
        ax, places = figure.subplots(), list(differ[by])
        bars = ax.barh(places, [0] * len(places), color=CONDITIONS["prune_pretrain"].color)
        line = ax.axvline(0, color="0.4", linestyle="--")
        label = ax.text(
            0,
            0.02,
            "independent masks ",
            transform=ax.get_xaxis_transform(),
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
            place = LEVELS.index(sparsity)
            here, expected = (
                {key: 100 * line[place] for key, line in differ[by].items()},
                100 * expected_difference(sparsity),
            )
            for bar, share in zip(bars, here.values()):
                bar.set_width(share)
            line.set_xdata([expected] * 2)
            label.set(x=expected, ha="left" if expected < 2 else "right")
            most, least = max(here, key=here.get), min(here, key=here.get)
            return (
                f"At {100 * sparsity:.0f}% sparsity the masks differ in <b>{100 * total[place]:.2f}%</b> of all entries; independent masks would differ in {expected:.1f}%. "
                f"Most in {most} ({here[most]:.1f}%), least in {least} ({here[least]:.1f}%)."
            )

        return move, [*bars, line, label]

    return explorer(
        stage,
        {
            "by": choice(
                [("by matrix", "matrix"), ("by attention head", "head")]
                if groups["head"]
                else [("by matrix", "matrix")],
                "bars",
            ),
            "sparsity": sparsity_slider(0.6),
        },
        size=(8.6, 4.2),
        moving=("sparsity",),
    )


def _level(weight):
    """For each entry the place in `LEVELS` from which on it is pruned; 100 if at none."""
    thresholds = _thresholds(weight)
    return torch.from_numpy(
        np.searchsorted(
            thresholds, weight.detach().abs().float().cpu().numpy(), side="left"
        ).astype(np.uint8)
    )


def _differing(first, second):
    """The share of entries that only one of two masks prunes, at each of `LEVELS`."""
    begin, end = (
        torch.bincount(part.flatten().int(), minlength=len(LEVELS) + 1).cumsum(0)
        for part in (torch.minimum(first, second), torch.maximum(first, second))
    )
    return ((begin - end)[: len(LEVELS)] / first.numel()).numpy()

"""The course on one page: ``python -m tools.poster docs/poster.svg`` (``make poster``).

A3, with letters that can still be read on A4. Title, question and commands come from the course's
own texts, figures and numbers from the shipped results, verdicts from the rules of the board.
"""

import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from helpers import analysis, claims, paper, plots, reference
from helpers.lesson.layout import percents
from helpers.lesson.scoreboard import COLORS

ROOT = Path(__file__).parent.parent
WIDTH, HEIGHT, MARGIN = 297, 420, 13  # mm
INNER = WIDTH - 2 * MARGIN
MM = 25.4  # in an inch
SMALL, BODY = 10.5, 12  # points; on A4 they shrink by 0.7
INK, SOFT, PALE = "#1c1c1c", "#595959", "#d0d0cc"
GUTTER, LABELS = 12, 16  # mm; between two columns, for the labels of a y axis
CELL = 28.5  # mm; of a verdict


def poster() -> Figure:
    """The page, from the shipped results as they are."""
    with plt.rc_context():
        plots.use_style()
        # the fonts come with matplotlib; at many dots an inch their widths are those of the SVG
        plt.rcParams.update({"font.family": "DejaVu Sans", "figure.dpi": 300})
        sheet = _new_sheet()
        tiny, theirs = reference.rows("tiny"), paper.table1_rows()
        y = _head(sheet)
        y = _regimes(sheet, y, tiny, theirs)
        y = _causes_and_order(sheet, y, tiny)
        y = _board(sheet, y)
        _start(sheet, y)
        for text in sheet.figure.findobj(Text):
            text.set_fontsize(max(text.get_fontsize(), SMALL))
    return sheet.figure


def _new_sheet() -> Axes:
    """A white page whose coordinates are mm from its upper left corner."""
    figure = plt.figure(figsize=(WIDTH / MM, HEIGHT / MM), facecolor="white")
    sheet = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    sheet.set_axis_off()
    return sheet


def _place(sheet: Axes, x: float, y: float, width: float, height: float) -> Axes:
    """New axes on the page, in mm; what stands beside them takes room of its own."""
    bottom = HEIGHT - y - height
    return sheet.figure.add_axes((x / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT))


def _write(
    sheet: Axes, x: float, y: float, words: str, width: float = INNER, size: float = BODY, **look
) -> float:
    """Write words in lines of at most this width (mm), and return where the next may begin."""
    look = {"color": INK, "fontsize": size} | look
    probe, lines, point = sheet.text(0, 0, "", **look), [""], MM / 72
    for word in words.split():
        probe.set_text(f"{lines[-1]} {word}".strip())
        if probe.get_window_extent().width / sheet.figure.dpi * MM <= width:
            lines[-1] = probe.get_text()
        else:
            lines.append(word)
    probe.remove()
    for number, line in enumerate(lines):
        sheet.text(x, y + (0.76 + 1.22 * number) * size * point, line, **look)
    return y + (1.22 * len(lines) + 0.25) * size * point


def _heading(sheet: Axes, x: float, y: float, words: str, finding: str, width: float) -> float:
    """A question in bold, and below it what was found."""
    y = _write(sheet, x, y, words, width, 17, weight="bold")
    return _write(sheet, x, y, finding, width)


def _head(sheet: Axes) -> float:
    """Title and question, as README and the first notebook have them."""
    title = re.match(r"# (.+)", (ROOT / "README.md").read_text(encoding="utf-8"))[1]
    first = nbformat.read(ROOT / "notebooks/00_start_here.ipynb", as_version=4).cells[0].source
    question = re.search(r"\*\*Question\.\*\* (.+)", first)[1].replace("*", "")
    y = _write(sheet, MARGIN, MARGIN, title, size=28, weight="bold")
    return _write(sheet, MARGIN, y, question, size=14) + 2


def _regimes(sheet, y, tiny, theirs):
    """Accuracy against sparsity with the regimes, the pocket BERT above the paper."""
    means, found = 100 * analysis.means(tiny), analysis.regimes(tiny)
    dense, scratch, pruned = means["dense", 0], means["from_scratch", 0], means["prune_pretrain"]
    kept = 100 * (pruned - scratch) / (dense - scratch)
    some = kept[kept.index.isin([0.3, 0.5, 0.7, kept.index.max()])]
    told = ", ".join(f"{min(share, 100):.0f}% at {s:.0%}" for s, share in some.items())
    y = _heading(
        sheet,
        MARGIN,
        y,
        "Where does it break?",
        f"Pruning the pocket BERT is free up to {found.free_up_to:.0%} sparsity. Deletion is "
        f"certain at {percents(found.deletion)}, restriction at {percents(found.restriction)}. Of "
        f"the {dense - scratch:.0f} points that pre-training is worth, it keeps {told}.",
        INNER,
    )
    sources = {
        f"Pocket BERT, {tiny.seed.nunique()} seeds": tiny,
        "BERT-Base, the paper's Table 1": theirs,
    }
    y, height, axes = y + 7, 34, []
    for title, rows in sources.items():
        ax = _place(sheet, MARGIN + LABELS, y, INNER - LABELS, height)
        plots.curves({title: rows}, floors=False, ax=ax)
        bottom, top = ax.get_ylim()
        ax.set(title=title, xlim=(-2, 97), ylim=(bottom, top + 0.12 * (top - bottom)))
        plots.shade_regimes(rows, ax)
        axes.append(ax)
        y += height + 8
    upper, lower = axes
    upper.set(xlabel="", xticklabels=[])
    handles = lower.get_legend().legend_handles
    lower.get_legend().remove()
    look = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
    upper.legend(handles=handles, ncols=len(handles), columnspacing=1.2, **look)
    return y + 7


def _causes_and_order(sheet, y, tiny):
    """Side by side: deletion or restriction, before or after."""
    width = (INNER - GUTTER) / 2
    parts = 100 * analysis.regimes(tiny).table.dropna()
    parts = parts[parts.index > 0]
    ends = parts[["regained_low", "regained_high"]].set_axis(["low", "high"], axis=1)
    two = parts[["deletion_loss", "regained"]].set_axis(["deletion", "restriction"], axis=1)
    last = two.iloc[-1]
    left = _heading(
        sheet,
        MARGIN,
        y,
        "Deletion or restriction?",
        "Keep the zeros, but let them move: what is still missing was deleted, what comes back was "
        f"only restricted. At {two.index[-1]:.0%} pruning loses {last.sum():.1f} points: "
        f"{last.deletion:.1f} by deletion, {last.restriction:.1f} by restriction.",
        width,
    )
    gain = analysis.differences(tiny, "prune_downstream", "prune_pretrain")
    better, worse = gain.index[gain.low > 0], gain.index[gain.high < 0]
    sides = {"better": better, "worse": worse}
    certain = [f"certainly {side} at {percents(at)}" for side, at in sides.items() if len(at)]
    first_and_last = gain.iloc[[0, -1]].iterrows()
    told = ", ".join(f"{analysis.in_points(row)} at {s:.0%}" for s, row in first_and_last)
    right = _heading(
        sheet,
        MARGIN + width + GUTTER,
        y,
        "Prune before fine-tuning, or after?",
        "Both trained equally long, pruning after is "
        f"{' and '.join(certain) or 'certainly better or worse at no sparsity'}. "
        f"After minus before: {told}.",
        width,
    )
    y, height = max(left, right) + 2, 39
    ax = _place(sheet, MARGIN + LABELS, y, width - LABELS, height)
    plots.loss_in_parts(two, "", ax, ends)
    ax.legend(ax.get_legend_handles_labels()[0], two.columns, loc="upper left")
    ax.set_ylabel("accuracy lost (points)")
    ax = _place(sheet, MARGIN + width + GUTTER + LABELS, y, width - LABELS, height)
    plots.paired_seeds(tiny, "prune_downstream", "prune_pretrain", ax=ax)
    ax.set_ylabel("after − before (points)")
    return y + height + 16


def _board(sheet, y):
    """The eleven claims, and what each source says of them."""
    found, look = claims.sources(), {"size": SMALL, "weight": "bold"}
    left = {name: WIDTH - MARGIN - CELL * (len(found) - n) for n, name in enumerate(found)}
    room = min(left.values()) - MARGIN - 3
    bottoms = [_write(sheet, x, y + 4, name, CELL - 1, **look) for name, x in left.items()]
    told = "By rules that were written down before the results."
    bottoms.append(_heading(sheet, MARGIN, y, "What holds of the paper's claims?", told, room))
    y = max(bottoms) + 0.5
    for number, claim in paper.claims().claim.items():
        sheet.axhline(y - 1, MARGIN / WIDTH, 1 - MARGIN / WIDTH, color=PALE, linewidth=0.8)
        _write(sheet, MARGIN, y, f"{number}", **look)
        bottoms = [_write(sheet, MARGIN + 8, y, claim, room - 8, SMALL)]
        for name, x in left.items():
            verdict, color = found[name][number].verdict, COLORS[found[name][number].holds]
            _write(sheet, x, y, claims.MARKS[verdict], color=color, **look)
            bottoms.append(_write(sheet, x + 5, y, verdict, CELL - 6, SMALL))
        y = max(bottoms)
    return y + 3


def _start(sheet, y):
    """How to begin, as README says it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    needs, block = re.search(r"## Start\n\n(.+?):?\n\n```sh\n(.*?)```", readme, re.DOTALL).groups()
    y = _heading(sheet, MARGIN, y, "How do I start?", f"{needs}:", INNER)
    for command in ("make lab", "make book"):
        does = re.search(rf"^{command} +# (.+)$", block, re.MULTILINE)[1]
        _write(sheet, MARGIN, y, command, size=SMALL, family="DejaVu Sans Mono", weight="bold")
        y = _write(sheet, MARGIN + 26, y, does, INNER - 26, SMALL)
    told = f"Bands and brackets are 95% intervals. The paper: Compressing BERT, {paper.CITATION}."
    return _write(sheet, MARGIN, y + 1, told, size=SMALL, color=SOFT)


def words(figure: Figure) -> str:
    """All that is written on the page itself, in reading order."""
    return " ".join(text.get_text() for text in figure.axes[0].texts)


def save(path: str) -> None:
    """Write the poster as SVG; its letters are paths, its words stand in the description."""
    with plt.rc_context({"svg.fonttype": "path", "svg.hashsalt": "poster", "savefig.bbox": None}):
        figure = poster()
        about = {"Title": "Poster of the course", "Description": words(figure), "Date": None}
        figure.savefig(path, metadata=about)


if __name__ == "__main__":
    save(sys.argv[1] if len(sys.argv) > 1 else "docs/poster.svg")

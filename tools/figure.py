"""The README's figure: ``python -m tools.figure docs/regimes.png`` (``make figure``)."""

import sys

import matplotlib.pyplot as plt

from helpers import paper, reference
from helpers.plots import curves, shade_regimes, use_style


def regimes_figure(path: str) -> None:
    """The figure of the README: the regimes of the pocket BERT and a real model beside the paper's.

    The regimes are shaded by the rule of `helpers.analysis.regimes`.
    """
    use_style()
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, 4.4), layout="constrained")
    tiny, minilm, theirs = reference.rows("tiny"), reference.rows("minilm"), paper.table1_rows()
    curves({"pocket BERT": tiny}, ax=left)
    seeds = tiny.seed.nunique()
    left.set_title(f"Pocket BERT: mean over five tasks,\n{seeds} seeds, 95% intervals")
    curves({"MiniLM-L6": minilm}, task="sst2", ax=middle)
    middle.set_title(f"MiniLM-L6: SST-2,\n{minilm.seed.nunique()} seeds")
    curves({"BERT-Base (paper)": theirs}, ax=right)
    right.set_title("BERT-Base: the paper's Table 1,\none run a point")
    for rows, ax in ((tiny, left), (minilm[minilm.task == "sst2"], middle), (theirs, right)):
        shade_regimes(rows, ax)
    for ax in (left, middle):  # the legend on the right is for all three
        ax.get_legend().remove()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    regimes_figure(sys.argv[1] if len(sys.argv) > 1 else "docs/regimes.png")

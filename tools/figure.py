"""The README's figure: ``python -m tools.figure docs/regimes.png`` (``make figure``)."""

import sys

import matplotlib.pyplot as plt

from helpers import paper, reference
from helpers.plots import curves, use_style


def regimes_figure(path):
    """The figure of the README: the regimes of the pocket BERT and of a real model beside the paper's."""
    use_style()
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, 4.4), layout="constrained")
    curves({"pocket BERT": reference.rows("tiny")}, ax=left)
    left.set_title("Pocket BERT: mean over five tasks, three seeds, 95% intervals")
    curves({"MiniLM-L6": reference.rows("minilm")}, task="sst2", ax=middle)
    middle.set_title("MiniLM-L6: SST-2, 800 training rows, three seeds")
    curves({"BERT-Base (paper)": paper.table1_rows()}, ax=right)
    right.set_title("BERT-Base: the paper's Table 1, one run a point")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    regimes_figure(sys.argv[1] if len(sys.argv) > 1 else "docs/regimes.png")

"""What happens to single weights: how far they move in rank, how masks differ, what heads lose."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy import stats
from torch import Tensor, nn

from .pruning import check_masks, encoder_of, prunable_parameters


def expected_difference(sparsity: float) -> float:
    """Fraction of entries in which two independent masks of a sparsity differ: 2s(1-s).

    Examples
    --------
    >>> expected_difference(0.5)
    0.5
    """
    return 2 * sparsity * (1 - sparsity)


def sort_order_movement(before: nn.Module, after: nn.Module) -> pd.DataFrame:
    """How far each weight moved in its matrix's ranking by magnitude, as a fraction of the ranks.

    A weight of rank 59 of 100 before and 63 of 100 after moved 0.04 (Sec. 5, Table 2).

    Parameters
    ----------
    before, after : torch.nn.Module

    Returns
    -------
    pandas.DataFrame
        A row a matrix: ``matrix``, ``mean``, ``std`` over its weights, ``largest`` (the mean over
        the tenth that was largest before, Fig. 6), ``entries``.
    """
    first, second = prunable_parameters(before), prunable_parameters(after)
    rows = []
    for name in first.keys() & second.keys():
        ranks = [
            stats.rankdata(w.detach().abs().cpu().numpy().ravel(), method="ordinal")
            for w in (first[name], second[name])
        ]
        moved = np.abs(ranks[0] - ranks[1]) / len(ranks[0])
        rows.append(
            (name, moved.mean(), moved.std(), moved[ranks[0] > 0.9 * len(moved)].mean(), len(moved))
        )
    order = {name: i for i, name in enumerate(first)}
    table = pd.DataFrame(
        sorted(rows, key=lambda row: order[row[0]]),
        columns=["matrix", "mean", "std", "largest", "entries"],
    )
    return table


def average_movement(table: pd.DataFrame, column: str = "mean") -> float:
    """`sort_order_movement` over all weights but the word embeddings, as in the authors' code.

    Parameters
    ----------
    table : pandas.DataFrame
    column : {"mean", "largest"}

    Returns
    -------
    float
        A fraction of the positions.
    """
    counted = table[~table.matrix.str.contains("word_embeddings")]
    return float(np.average(counted[column], weights=counted.entries))


def head_blocks(
    model: nn.Module, matrices: Mapping[str, Tensor]
) -> Iterator[tuple[int, int, str, Tensor]]:
    """The parts of matrices that belong to each attention head.

    These are its rows of query, key and value, and its columns of the attention output.

    Parameters
    ----------
    model : torch.nn.Module
    matrices : dict of str to torch.Tensor
        With the names and shapes of `helpers.pruning.prunable_parameters`: weights or masks.

    Yields
    ------
    layer, head, name, block : int, int, str, torch.Tensor
    """
    heads = encoder_of(model).config.num_attention_heads
    for name, matrix in matrices.items():
        parts = name.split(".")
        if "attention" not in parts or "bottleneck" in parts:
            continue
        layer = next(int(part) for part in parts if part.isdigit())
        for head, block in enumerate(
            matrix.chunk(heads, dim=1 if parts[-2] in ("dense", "out_lin") else 0)
        ):
            yield layer, head, name, block


def head_sparsity(model: nn.Module, masks: Mapping[str, Tensor]) -> pd.DataFrame:
    """The fraction of each attention head's weights that masks prune (Fig. 4, left).

    Over the head's rows of query, key and value and its columns of the attention output.

    Returns
    -------
    pandas.DataFrame
        Columns ``layer``, ``head``, ``sparsity``.
    """
    check_masks(prunable_parameters(model), masks)
    pruned, total = {}, {}
    for layer, head, _, block in head_blocks(model, masks):
        pruned[layer, head] = pruned.get((layer, head), 0) + int((~block).sum())
        total[layer, head] = total.get((layer, head), 0) + block.numel()
    return pd.DataFrame(
        [(*key, pruned[key] / total[key]) for key in sorted(total)],
        columns=["layer", "head", "sparsity"],
    )

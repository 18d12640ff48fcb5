"""Exercises of notebook 08."""

import torch

from ...cost.storage import break_even
from ...pruning import magnitude_mask
from . import Wrong, exercise, number


def _check_csr_break_even(function):
    for columns in (768, 4):
        value, wanted = number(function(columns)), break_even("csr", columns)
        if abs(value - wanted) < 1e-6:
            continue
        case = f"For {columns} columns you get {value:.4f}"
        if abs(value - 0.5) < 1e-6:
            raise Wrong(
                f"{case}. You left out the row ends. A row of {columns} entries has one, of "
                f"4 bytes. With it you get {wanted:.4f}."
            )
        if abs(value - 100 * wanted) < 1e-4:
            raise Wrong(f"{case}. The number is right, but in percent. Return a fraction.")
        if abs(value - (1 - wanted)) < 1e-6:
            raise Wrong(
                f"{case}. That is 1 minus the right answer. Either it is the share that is kept, "
                "and the sparsity is the share that is pruned; or the row ends have the wrong "
                "sign. They make CSR larger, so it pays later than at one half."
            )
        if abs(value - (2 / 3 + 1 / (3 * columns))) < 1e-6:
            raise Wrong(f"{case}. That is for column indices of 8 bytes. Ours have 4.")
        raise Wrong(f"{case}. It should be {wanted:.4f}: set 8·(1 − s) + 4/columns equal to 4.")
    return "Half of the weights, and a little more for the row ends."


@exercise(_check_csr_break_even)
def csr_break_even(columns):
    """The sparsity at which a matrix of this many columns takes as many bytes in CSR as dense.

    A fraction.
    """
    ### BEGIN SOLUTION
    return (8 + 4 / columns - 4) / 8
    ### END SOLUTION


def _check_bitmask_bytes(function):
    generator = torch.Generator().manual_seed(0)
    for rows, columns, sparsity in ((8, 16, 0.5), (5, 7, 0.6), (3, 3, 0.0)):
        weight = torch.randn(rows, columns, generator=generator)
        weight = torch.where(magnitude_mask(weight, sparsity), weight, 0.0)
        value = number(function(weight))
        kept, entries = int((weight != 0).sum()), weight.numel()
        wanted = 4 * kept + -(-entries // 8)
        if value == wanted:
            continue
        case = f"A matrix of {rows} × {columns} with {kept} entries kept: you get {value:g} bytes"
        if value == 4 * kept + entries:
            raise Wrong(f"{case}. You count a byte for each entry of the mask. A bit is enough.")
        if value == 4 * kept:
            raise Wrong(f"{case}. The mask itself is missing.")
        if value == 4 * kept + entries // 8 or value == 4 * kept + entries / 8:
            raise Wrong(
                f"{case}. It should be {wanted}. {entries} bits do not fill whole bytes. "
                "The last byte is only begun, and counts all the same."
            )
        raise Wrong(
            f"{case}. It should be {wanted}: 4 bytes for each kept value, 1 bit for each entry."
        )
    return "Also where the bits do not fill whole bytes."


@exercise(_check_bitmask_bytes)
def bitmask_bytes(weight):
    """The bytes of a pruned float32 matrix: its values that are not 0, and a bit for each entry."""
    ### BEGIN SOLUTION
    kept = int((weight != 0).sum())
    return 4 * kept + (weight.numel() + 7) // 8
    ### END SOLUTION

"""Checks for the exercises: what is right, what is wrong and where, in the learner's terms.

A check never raises. It prints one line, so that an unsolved exercise does not stop the notebook, and
returns whether the answer is right.
"""

import pandas as pd
import torch

from .pruning import magnitude_mask
from .schedule import cubic_sparsity
from .storage import break_even


def _say(right, message):
    print(("✔ " if right else "✘ ") + message)
    return right


def _call(function, *arguments, **options):
    try:
        return function(*arguments, **options), None
    except Exception as error:
        return None, f"your function stops with {type(error).__name__}: {error}"


def check_magnitude_mask(function):
    """Check a learner's ``magnitude_mask(weight, sparsity)``."""
    weight = torch.tensor([[0.5, -0.1, 0.3], [-0.9, 0.05, -0.4]])
    mask, error = _call(function, weight.clone(), 0.5)
    if error:
        return _say(False, error)
    if mask is None:
        return _say(False, "nothing there yet: return a mask. The check compares it with the reference.")
    if not torch.is_tensor(mask) or mask.shape != weight.shape:
        return _say(False, f"the mask must be a tensor of the weight's shape {tuple(weight.shape)}, got {getattr(mask, 'shape', type(mask))}")
    mask = mask.bool()
    right = magnitude_mask(weight, 0.5)
    if (mask == right).all():
        larger = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
        for sparsity in (0.0, 0.25, 0.9):
            mask, error = _call(function, larger.clone(), sparsity)
            if error or mask is None:
                return _say(False, f"right at 50%, but at {100 * sparsity:.0f}% {error or 'it returns nothing'}")
            zeros, wanted = int((~mask.bool()).sum()), round(larger.numel() * sparsity)
            if zeros != wanted:
                return _say(False, f"right on the small matrix, but on a 40 × 30 one at {100 * sparsity:.0f}% it prunes {zeros} entries instead of {wanted}")
            if (mask.bool() != magnitude_mask(larger, sparsity)).any():
                return _say(False, f"the count is right at {100 * sparsity:.0f}%, but not the choice of entries")
        return _say(True, "right: the same masks as the reference at 0, 25, 50 and 90%")
    if (mask == ~right).all():
        return _say(False, "exactly the wrong way round: True stands for kept, and the small magnitudes are pruned")
    signed = weight > weight.flatten().sort().values[2]
    if (mask == signed).all():
        return _say(False, "you compare signed values; -0.9 is a large weight. Take absolute values first.")
    zeros = int((~mask).sum())
    if zeros != 3:
        return _say(False, f"{zeros} of 6 entries are pruned, 3 should be; look at which side of the threshold the threshold itself falls (> or >=)")
    return _say(False, f"the number of pruned entries is right, but not which: {weight[~mask].tolist()} are pruned, {weight[~right].tolist()} should be")


def check_cubic_schedule(function):
    """Check a learner's ``cubic_schedule(step, end, final)``."""
    for step, name in ((0, "at the start"), (100, "at the end"), (50, "half-way"), (150, "after the end")):
        value, error = _call(function, step, 100, 0.8)
        if error:
            return _say(False, error)
        if value is None:
            return _say(False, "nothing there yet: return the sparsity at this step")
        wanted = cubic_sparsity(step, begin=0, end=100, final=0.8)
        if abs(float(value) - wanted) > 1e-6:
            hints = {"at the start": "(1 - 0) ** 3 is 1, so nothing is pruned yet", "half-way": "is the bracket cubed?",
                     "after the end": "after the ramp the sparsity stays where it is", "at the end": "the bracket is 0 there"}
            return _say(False, f"{name} (step {step} of 100, final sparsity 0.8) you get {float(value):.4f}, it should be {wanted:.4f}: {hints[name]}")
    return _say(True, "right: the schedule of Zhu and Gupta")


def check_csr_break_even(function):
    """Check a learner's ``csr_break_even(columns)``: the sparsity from which on CSR is smaller than dense."""
    for columns in (768, 4):
        value, error = _call(function, columns)
        if error:
            return _say(False, error)
        if value is None:
            return _say(False, "nothing there yet: return the sparsity at which both sizes are equal, as a fraction")
        value, wanted = float(value), break_even("csr", columns)
        if abs(value - wanted) < 1e-6:
            continue
        if abs(value - 0.5) < 1e-6:
            return _say(False, f"nearly: you left out the row ends. A row of {columns} entries has one, 4 bytes, so it is {wanted:.4f}")
        if abs(value - 100 * wanted) < 1e-4:
            return _say(False, "right, but in percent; return a fraction")
        if abs(value - (1 - wanted)) < 1e-6:
            return _say(False, f"{value:.4f} is the share that is kept; the sparsity is the share that is pruned")
        if abs(value - (2 / 3 + 1 / (3 * columns))) < 1e-6:
            return _say(False, "that is for column indices of 8 bytes; ours have 4")
        return _say(False, f"for {columns} columns you get {value:.4f}, it should be {wanted:.4f}: set 8·(1 − s) + 4/columns equal to 4")
    return _say(True, "right: half of the weights, and a little more for the row ends")


def check_bitmask_bytes(function):
    """Check a learner's ``bitmask_bytes(weight)``: the bytes of its bit mask and its packed values."""
    generator = torch.Generator().manual_seed(0)
    for rows, columns, sparsity in ((8, 16, 0.5), (5, 7, 0.6), (3, 3, 0.0)):
        weight = torch.randn(rows, columns, generator=generator)
        weight = torch.where(magnitude_mask(weight, sparsity), weight, 0.0)
        value, error = _call(function, weight.clone())
        if error:
            return _say(False, error)
        if value is None:
            return _say(False, "nothing there yet: return a number of bytes")
        kept, entries = int((weight != 0).sum()), weight.numel()
        wanted = 4 * kept + -(-entries // 8)
        if int(value) == value == wanted:
            continue
        case = f"{rows} × {columns} with {kept} entries kept"
        if value == 4 * kept + entries:
            return _say(False, f"{case}: {value:g}, it should be {wanted}; you count a byte for each entry of the mask, a bit is enough")
        if value == 4 * kept:
            return _say(False, f"{case}: {value:g}, it should be {wanted}; the mask itself is missing")
        if value == 4 * kept + entries // 8 or value == 4 * kept + entries / 8:
            return _say(False, f"{case}: {value:g}, it should be {wanted}; {entries} bits do not fill whole bytes, the last one is begun")
        return _say(False, f"{case}: {value:g}, it should be {wanted}: 4 bytes for each kept value, 1 bit for each entry")
    return _say(True, "right, also where the bits do not fill whole bytes")


def check_first_loss(function):
    """Check a learner's ``first_loss(lost, limit)``."""
    lost = pd.Series({0.9: 22.0, 0.5: 1.0, 0.7: 3.0, 0.8: 9.5})
    for limit, wanted, hint in ((5, 0.8, "from 80% on more than 5 points are lost"), (3, 0.8, "exactly 3 is not more than 3"), (0.5, 0.5, "the sparsities need not be in order"),
                                (30, None, "where nothing is lost that much, return None")):
        value, error = _call(function, lost.copy(), limit)
        if error:
            return _say(False, f"with the limit {limit} {error}")
        if value is None and wanted is not None and limit == 5:
            return _say(False, "nothing there yet: return a sparsity, or None where there is none")
        if value != wanted:
            return _say(False, f"for {lost.to_dict()} and the limit {limit} you get {value}, it should be {wanted}: {hint}")
    return _say(True, "right: also where the limit is just met, and where it is never passed")

"""Exercises of notebook 01."""

import torch

from .. import pruning
from . import Wrong, exercise


def _check_magnitude_mask(function):
    weight = torch.tensor([[0.5, -0.1, 0.3], [-0.9, 0.05, -0.4]])
    mask = function(weight.clone(), 0.5)
    if not torch.is_tensor(mask) or mask.shape != weight.shape:
        raise Wrong(f"The mask must be a tensor of the weight's shape {tuple(weight.shape)}, got {getattr(mask, 'shape', type(mask))}.")
    mask, right = mask.bool(), pruning.magnitude_mask(weight, 0.5)
    if (mask == ~right).all():
        raise Wrong("Exactly the wrong way round: True stands for kept, and the small magnitudes are pruned.")
    if (mask == (weight > weight.flatten().sort().values[2])).all():
        raise Wrong("You compare signed values; -0.9 is a large weight. Take absolute values first.")
    zeros = int((~mask).sum())
    if zeros != 3:
        raise Wrong(f"{zeros} of 6 entries are pruned, 3 should be. Look at which side of the threshold the threshold itself falls (> or >=).")
    if (mask != right).any():
        raise Wrong(f"The number of pruned entries is right, but not which: {weight[~mask].tolist()} are pruned, {weight[~right].tolist()} should be.")
    larger = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    for sparsity in (0.0, 0.25, 0.9):
        mask = function(larger.clone(), sparsity)
        zeros, wanted = int((~mask.bool()).sum()), round(larger.numel() * sparsity)
        if zeros != wanted:
            raise Wrong(f"Right on the small matrix, but on a 40 × 30 one at {100 * sparsity:.0f}% it prunes {zeros} entries instead of {wanted}.")
        if (mask.bool() != pruning.magnitude_mask(larger, sparsity)).any():
            raise Wrong(f"On a 40 × 30 matrix at {100 * sparsity:.0f}% the number of pruned entries is right, but not the choice.")
    return "The same masks as the reference at 0, 25, 50 and 90%."


@exercise(_check_magnitude_mask)
def magnitude_mask(weight, sparsity):
    """True where the weight is kept; the round(numel * sparsity) smallest magnitudes are False."""
    ### BEGIN SOLUTION
    count = round(weight.numel() * sparsity)
    mask = torch.ones(weight.numel(), dtype=torch.bool)
    mask[weight.abs().flatten().argsort(stable=True)[:count]] = False
    return mask.view(weight.shape)
    ### END SOLUTION

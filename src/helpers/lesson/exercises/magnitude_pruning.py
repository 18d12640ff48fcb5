"""Exercises of notebook 01."""

import torch

from ... import pruning
from . import Wrong, exercise


def _check_magnitude_mask(function):
    weight = torch.tensor([[0.5, -0.1, 0.3], [-0.9, 0.05, -0.4]])
    mask = function(weight.clone(), 0.5)
    if not torch.is_tensor(mask) or mask.shape != weight.shape:
        raise Wrong(
            f"The mask must be a tensor of the weight's shape {tuple(weight.shape)}, got {getattr(mask, 'shape', type(mask))}."
        )
    if mask.dtype != torch.bool:
        raise Wrong(
            f"The mask is of type {mask.dtype}; return a bool tensor, as a comparison gives it, so that ~mask is what is pruned."
        )
    right = pruning.magnitude_mask(weight, 0.5)
    if (mask == ~right).all():
        raise Wrong(
            "Exactly the wrong way round: True stands for kept, and the small magnitudes are pruned."
        )
    if (mask == (weight > weight.flatten().sort().values[2])).all():
        raise Wrong(
            "You compare signed values; -0.9 is a large weight. Take absolute values first."
        )
    zeros = int((~mask).sum())
    if zeros != 3:
        raise Wrong(
            f"{zeros} of 6 entries are pruned, 3 should be. Look at which side of the threshold the threshold itself falls (> or >=)."
        )
    if (mask != right).any():
        raise Wrong(
            f"The number of pruned entries is right, but not which: {weight[~mask].tolist()} are pruned, "
            f"{weight[~right].tolist()} should be."
        )
    larger = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    for sparsity in (0.0, 0.25, 0.9):
        mask = function(larger.clone(), sparsity)
        zeros, wanted = int((~mask.bool()).sum()), round(larger.numel() * sparsity)
        if zeros != wanted:
            raise Wrong(
                f"Right on the small matrix, but on a 40 × 30 one at {100 * sparsity:.0f}% it prunes {zeros} entries instead of {wanted}."
            )
        if (mask.bool() != pruning.magnitude_mask(larger, sparsity)).any():
            raise Wrong(
                f"On a 40 × 30 matrix at {100 * sparsity:.0f}% the number of pruned entries is right, but not the choice."
            )
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


def _check_kept_norm(function):
    weight = torch.tensor([[4.0, -2.0], [1.0, -2.0]])
    mask = torch.tensor([[True, False], [False, True]])
    value = float(function(weight.clone(), mask.clone()))
    said = {
        0.2: "That is the share that goes; asked is the share that stays, where the mask is True.",
        80.0: "The number is right, but in percent; return a fraction.",
        20.0: "That is what stays of the sum of squares, 4² + 2² = 20; divide it by the sum over all entries, 25.",
        0.5: "That is the share of the entries, 2 of 4; weigh each entry with its square.",
        6 / 9: "You add up magnitudes; square the weights instead.",
        0.8
        ** 0.5: "That is the ratio of the norms; asked is the ratio of their squares, so take no root.",
    }
    for wrong, message in said.items():
        if abs(value - wrong) < 1e-4:
            raise Wrong(
                f"For the weights {weight.tolist()}, of which 4 and the last -2 are kept, you get {value:.4g}. {message}"
            )
    if abs(value - 0.8) > 1e-4:
        raise Wrong(
            f"For the weights {weight.tolist()}, of which 4 and the last -2 are kept, you get {value:.4g}; "
            "it should be (4² + 2²) / (4² + 2² + 1² + 2²) = 0.8."
        )
    larger = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    mask = pruning.magnitude_mask(larger, 0.5)
    value, wanted = (
        float(function(larger.clone(), mask)),
        float((larger * mask).square().sum() / larger.square().sum()),
    )
    if abs(value - wanted) > 1e-4:
        raise Wrong(
            f"Right on the small matrix, but on a 40 × 30 one you get {value:.4g} instead of {wanted:.4g}."
        )
    return "So much of the squared norm stays."


@exercise(_check_kept_norm)
def kept_norm(weight, mask):
    """The share of the weight's squared norm, the sum of its squares, that is left under the mask; a fraction."""
    ### BEGIN SOLUTION
    return float((weight * mask).square().sum() / weight.square().sum())
    ### END SOLUTION


def _check_input_mask(function):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(8, 6, generator=generator)
    inputs = torch.randn(50, 6, generator=generator) * torch.tensor(
        [0.1, 0.3, 1.0, 1.5, 3.0, 5.0]
    ) + torch.tensor([0.3, 0.0, 0.0, 0.0, 0.0, 0.0])
    mask = function(weight.clone(), inputs.clone(), 0.5)
    if not torch.is_tensor(mask) or mask.shape != weight.shape:
        raise Wrong(
            f"The mask must be a tensor of the weight's shape {tuple(weight.shape)}, got {getattr(mask, 'shape', type(mask))}."
        )
    mask, sizes = mask.bool(), inputs.norm(dim=0)
    right = pruning.magnitude_mask(weight * sizes, 0.5)
    lower_half = lambda scores: scores > scores.flatten().sort().values[weight.numel() // 2 - 1]
    for wrong, message in (
        (
            ~right,
            "Exactly the wrong way round: True stands for kept, and the small scores are pruned.",
        ),
        (
            pruning.magnitude_mask(weight, 0.5),
            "That is the mask by magnitude alone. Multiply each |w| with the norm of the feature that it reads, the weight's column.",
        ),
        (
            lower_half(weight * sizes),
            "The scores are signed. Take absolute values of the weights first.",
        ),
        (
            pruning.magnitude_mask(weight * inputs.mean(dim=0), 0.5),
            "You scale by the mean of each feature, in which positive and negative inputs cancel. Take its norm.",
        ),
        (
            torch.stack([pruning.magnitude_mask(row * sizes, 0.5) for row in weight]),
            "The scores are right, but you prune half of each row. Here half of the whole matrix goes.",
        ),
    ):
        if (mask == wrong).all():
            raise Wrong(message)
    zeros, differ = int((~mask).sum()), int((mask != right).sum())
    if zeros != weight.numel() // 2:
        raise Wrong(
            f"{zeros} of {weight.numel()} entries are pruned, {weight.numel() // 2} should be."
        )
    if differ:
        raise Wrong(
            f"The number of pruned entries is right, but {differ} entries of the mask are not: the score of entry (i, j) is |w_ij| times "
            "the norm of inputs[:, j]."
        )
    larger, inputs = (
        torch.randn(40, 30, generator=generator),
        torch.randn(200, 30, generator=generator) ** 3,
    )
    differ = int(
        (
            function(larger.clone(), inputs.clone(), 0.5).bool()
            != pruning.magnitude_mask(larger * inputs.norm(dim=0), 0.5)
        ).sum()
    )
    if differ:
        raise Wrong(
            f"Right on the small matrix, but on a 40 × 30 one {differ} entries of the mask are not. Is it the norm that you take, the "
            "root of the sum of squares?"
        )
    return "Small weights on large features are kept."


@exercise(_check_input_mask)
def input_mask(weight, inputs, sparsity):
    """True where the weight is kept; pruned are the entries of smallest |weight| times norm of the feature that they read.

    The weight has a row for each output and a column for each input feature, `inputs` a row for each example.
    """
    ### BEGIN SOLUTION
    return pruning.magnitude_mask(weight * inputs.norm(dim=0), sparsity)
    ### END SOLUTION


def _averaged(weights, sparsity):
    """Masks by the mean of the matrices' own thresholds: not a threshold for all."""
    thresholds = [
        weight.abs().flatten().sort().values[round(weight.numel() * sparsity) - 1]
        for weight in weights.values()
    ]
    return {
        name: weight.abs() > sum(thresholds) / len(thresholds) for name, weight in weights.items()
    }


def _equal(masks, others):
    return all((masks[name].bool() == others[name]).all() for name in others)


def _check_global_masks(function):
    narrow, wide = (
        torch.tensor([[0.02, -0.05, 0.1, -0.4]]),
        torch.tensor([[-0.35, 0.5, -0.6, 0.7], [0.8, -0.9, 1.0, -1.1]]),
    )
    generator = torch.Generator().manual_seed(0)
    larger = {
        "first": torch.randn(20, 30, generator=generator),
        "second": 0.3 * torch.randn(8, 5, generator=generator),
        "third": 2 * torch.randn(7, 7, generator=generator),
    }
    for weights, sparsity in (({"narrow": narrow, "wide": wide}, 0.5), (larger, 0.7)):
        masks = function({name: weight.clone() for name, weight in weights.items()}, sparsity)
        if not isinstance(masks, dict) or masks.keys() != weights.keys():
            raise Wrong(
                f"Return a dict with a mask for each of {', '.join(weights)}, got "
                f"{list(masks) if isinstance(masks, dict) else type(masks).__name__}."
            )
        for name, weight in weights.items():
            if masks[name].shape != weight.shape:
                raise Wrong(
                    f"The mask of '{name}' must have its weight's shape {tuple(weight.shape)}, got {tuple(masks[name].shape)}."
                )
        right, apart = (
            pruning.masks_for(weights, sparsity, "global"),
            pruning.masks_for(weights, sparsity),
        )
        if _equal(masks, apart):
            raise Wrong(
                f"Each matrix is pruned to {100 * sparsity:.0f}%: that is one threshold for each. Put all magnitudes into one order."
            )
        total = sum(weight.numel() for weight in weights.values())
        zeros, wanted = (
            sum(int((~mask.bool()).sum()) for mask in masks.values()),
            round(total * sparsity),
        )
        if _equal(masks, _averaged(weights, sparsity)):
            raise Wrong(
                f"You average the matrices' thresholds; that prunes {zeros} of {total} entries, not {wanted}. "
                "Put all magnitudes into one order."
            )
        if _equal(masks, {name: ~mask for name, mask in right.items()}):
            raise Wrong(
                "Exactly the wrong way round: True stands for kept, and the small magnitudes are pruned."
            )
        signed = (
            torch.cat([weight.flatten() for weight in weights.values()]).sort().values[wanted - 1]
        )
        if _equal(masks, {name: weight > signed for name, weight in weights.items()}):
            raise Wrong("One order for all, but of signed values. Take absolute values first.")
        if zeros != wanted:
            raise Wrong(
                f"{zeros} of all {total} entries are pruned, {wanted} should be, together and not in each matrix."
            )
        if not _equal(masks, right):
            counts = {
                name: (int((~masks[name].bool()).sum()), int((~right[name]).sum()))
                for name in weights
            }
            told = ", ".join(
                f"'{name}' loses {here} instead of {there} entries"
                for name, (here, there) in counts.items()
            )
            raise Wrong(f"The total is right, but not where: {told}.")
    return "One threshold for all matrices, the total exact."


@exercise(_check_global_masks)
def global_masks(weights, sparsity):
    """Masks by one threshold for all: of all entries of all matrices together the smallest magnitudes are pruned.

    `weights` is a dict of tensors of different shapes; the masks are a dict with the same names and shapes.
    """
    ### BEGIN SOLUTION
    together = torch.cat([weight.flatten() for weight in weights.values()])
    parts = magnitude_mask(together, sparsity).split(
        [weight.numel() for weight in weights.values()]
    )
    return {name: part.view(weight.shape) for part, (name, weight) in zip(parts, weights.items())}
    ### END SOLUTION


def _check_expected_difference(function):
    said = {
        0.24: "That counts the entries which the first mask prunes and the second keeps. The other way round they differ, too.",
        0.36: "That is the share which both prune; there they agree.",
        0.84: "That is the share which at least one of them prunes. Where both do, they agree.",
        0.52: "That is the share in which they agree.",
        48.0: "The number is right, but in percent; return a fraction.",
        1.2: "A share cannot be above 1. You count the entries that both prune twice over; there the masks agree.",
    }
    value = float(function(0.6))
    for wrong, message in said.items():
        if abs(value - wrong) < 1e-6:
            raise Wrong(f"At 60% sparsity you get {value:g}. {message}")
    for sparsity in (0.6, 0.0, 0.9):
        value, wanted = float(function(sparsity)), 2 * sparsity * (1 - sparsity)
        if abs(value - wanted) > 1e-6:
            raise Wrong(
                f"At {100 * sparsity:.0f}% sparsity you get {value:.4g}, it should be {wanted:.4g}: the chance that one of two "
                "independent masks prunes an entry and the other does not."
            )
    return "Largest at 50%, and nothing at 0%."


@exercise(_check_expected_difference)
def expected_difference(sparsity):
    """The share of entries, a fraction, in which two independent random masks of this sparsity differ."""
    ### BEGIN SOLUTION
    return 2 * sparsity * (1 - sparsity)
    ### END SOLUTION

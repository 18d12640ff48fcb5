"""Exercises of notebook 01."""

import torch

from ... import pruning
from . import NOTHING, Wrong, exercise, mask_like, masks_like, number

TURNED = "Exactly the wrong way round: True stands for kept, and the small {} are pruned."


def _pruned(mask):
    return int((~mask).sum())


def _listed(values):
    return [round(value, 2) for value in values.tolist()]


def _check_magnitude_mask(function):
    weight = torch.tensor([[0.5, -0.1, 0.3], [-1.2, 0.05, -0.4]])
    mask = mask_like(weight, function(weight, 0.5))
    right = pruning.magnitude_mask(weight, 0.5)
    if torch.equal(mask, ~right):
        raise Wrong(TURNED.format("magnitudes"))
    if torch.equal(mask, weight > weight.flatten().sort().values[2]):
        raise Wrong(
            "You compare signed values. -1.2 is a large weight: take absolute values first."
        )
    zeros, magnitude = _pruned(mask), weight.abs()
    if torch.equal(mask, magnitude > 0.5 * magnitude.max()):
        raise Wrong(
            f"{zeros} of 6 entries are pruned, 3 should be. Your threshold is sparsity × the "
            "largest magnitude. The sparsity is a share of the entries, so put them in order and "
            "count."
        )
    if torch.equal(mask, magnitude >= magnitude.flatten().sort().values[2]):
        raise Wrong(
            f"{zeros} of 6 entries are pruned, 3 should be. The threshold itself is on the wrong "
            "side. Do you want > or >=?"
        )
    if zeros != 3:
        raise Wrong(
            f"{zeros} of 6 entries are pruned, 3 should be: the 3 smallest of the magnitudes "
            f"{_listed(magnitude.flatten().sort().values)}."
        )
    if not torch.equal(mask, right):
        raise Wrong(
            "You prune the right number of entries, but not the right ones: you prune "
            f"{_listed(weight[~mask])}, it should be {_listed(weight[~right])}."
        )
    generator = torch.Generator().manual_seed(0)
    for rows, columns, sparsities in ((7, 5, (0.0, 0.04, 0.25, 0.92)), (40, 30, (0.333, 0.9))):
        larger = torch.randn(rows, columns, generator=generator)
        for sparsity in sparsities:
            mask = mask_like(larger, function(larger, sparsity))
            exact = larger.numel() * sparsity
            zeros, wanted = _pruned(mask), round(exact)
            case = f"a {rows} × {columns} matrix at {100 * sparsity:g}%"
            magnitude = larger.abs()
            quantile = magnitude.flatten().quantile(sparsity)
            if zeros != wanted and zeros in (
                _pruned(magnitude > quantile),
                _pruned(magnitude >= quantile),
            ):
                raise Wrong(
                    f"Right on the small matrix, but on {case} it prunes {zeros} entries instead "
                    f"of {wanted}, as a quantile does, or ceil(). {exact:g} is to be rounded, and "
                    "a quantile lies between entries. Put the magnitudes in order, and count."
                )
            if wanted == 0 and zeros == larger.numel():
                raise Wrong(NOTHING)
            if zeros == int(exact) != wanted:
                raise Wrong(
                    f"Right on the small matrix, but on {case} it prunes {zeros} entries instead "
                    f"of {wanted}. {exact:g} is to be rounded, not cut off: round() instead of "
                    "int()."
                )
            if zeros != wanted:
                raise Wrong(
                    f"Right on the small matrix, but on {case} it prunes {zeros} entries instead "
                    f"of {wanted}. round(numel * sparsity) is {wanted} here."
                )
            if not torch.equal(mask, pruning.magnitude_mask(larger, sparsity)):
                raise Wrong(
                    f"Right on the small matrix. On {case} it prunes the right number, but not "
                    "the smallest magnitudes."
                )
    tied = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    zeros = _pruned(mask_like(tied, function(tied, 0.5)))
    if zeros != 2:
        raise Wrong(
            f"Right where all magnitudes differ. But of {tied.tolist()} it prunes {zeros} entries "
            "at 50%, and exactly 2 should go. A threshold cannot part equal magnitudes. Ask for "
            "places instead: `argsort` lists them from the smallest magnitude on."
        )
    return "The same masks as the reference, also where the count must be rounded."


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
    value = number(function(weight, mask))
    said = {
        0.2: "That is the share that goes. Return the share that stays, where the mask is True.",
        80.0: "The number is right, but in percent. Return a fraction.",
        20.0: "That is what stays of the sum of squares, 4² + 2² = 20. Divide it by the sum over "
        "all entries, 25.",
        0.5: "That is the share of the entries, 2 of 4. Weigh each entry with its square.",
        6 / 9: "You add up magnitudes. Square the weights instead.",
        0.8**0.5: "That is the ratio of the norms. Return the ratio of their squares: take no "
        "root.",
    }
    case = f"For the weights {weight.tolist()}, of which 4 and the last -2 are kept, you get"
    for wrong, message in said.items():
        if abs(value - wrong) < 1e-4:
            raise Wrong(f"{case} {value:.4g}. {message}")
    if not abs(value - 0.8) < 1e-4:
        raise Wrong(f"{case} {value:.4g}. It should be (4² + 2²) / (4² + 2² + 1² + 2²) = 0.8.")
    larger = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    mask = pruning.magnitude_mask(larger, 0.5)
    value = number(function(larger, mask))
    wanted = 1 - larger[~mask].square().sum() / larger.square().sum()
    if not abs(value - wanted) < 1e-4:
        raise Wrong(
            f"Right on the small matrix, but on a 40 × 30 one you get {value:.4g} instead of "
            f"{wanted:.4g}."
        )
    return "Your function finds the share of the squared norm that stays."


@exercise(_check_kept_norm)
def kept_norm(weight, mask):
    """The share of the weight's squared norm (the sum of its squares) that is left under the mask.

    A fraction.
    """
    ### BEGIN SOLUTION
    return float((weight * mask).square().sum() / weight.square().sum())
    ### END SOLUTION


def _check_input_mask(function):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(8, 6, generator=generator)
    sizes = torch.tensor([0.1, 0.3, 1.0, 1.5, 3.0, 5.0])
    inputs = torch.randn(50, 6, generator=generator) * sizes
    inputs[:, 0] += 0.3
    mask, sizes = mask_like(weight, function(weight, inputs, 0.5)), inputs.norm(dim=0)
    right = pruning.magnitude_mask(weight * sizes, 0.5)
    signed = weight * sizes
    for wrong, message in (
        (~right, TURNED.format("scores")),
        (
            pruning.magnitude_mask(weight, 0.5),
            "That is the mask by magnitude alone. Multiply each |w| with the norm of the feature "
            "that it reads. The feature is the weight's column.",
        ),
        (
            signed > signed.flatten().sort().values[weight.numel() // 2 - 1],
            "The scores are signed. Take absolute values of the weights first.",
        ),
        (
            pruning.magnitude_mask(weight * inputs.mean(dim=0), 0.5),
            "You scale by the mean of each feature, in which positive and negative inputs cancel. "
            "Take its norm.",
        ),
        (
            torch.stack([pruning.magnitude_mask(row * sizes, 0.5) for row in weight]),
            "The scores are right, but you prune half of each row. Here half of the whole matrix "
            "goes.",
        ),
    ):
        if torch.equal(mask, wrong):
            raise Wrong(message)
    zeros, differ = _pruned(mask), int((mask != right).sum())
    if zeros != weight.numel() // 2:
        raise Wrong(
            f"{zeros} of {weight.numel()} entries are pruned, {weight.numel() // 2} should be."
        )
    if differ:
        raise Wrong(
            f"The number of pruned entries is right, but {differ} entries of the mask are not. "
            "The score of entry (i, j) is |w_ij| times the norm of inputs[:, j]."
        )
    larger = torch.randn(40, 30, generator=generator)
    inputs = torch.randn(200, 30, generator=generator) ** 3
    for sparsity in (0.5, 0.333, 0.3336, 0.0):
        mask = mask_like(larger, function(larger, inputs, sparsity))
        right = pruning.magnitude_mask(larger * inputs.norm(dim=0), sparsity)
        case = f"Right on the small matrix at 50%, but not on a 40 × 30 one at {100 * sparsity:g}%"
        if _pruned(mask) != _pruned(right):
            raise Wrong(f"{case}: {_pruned(mask)} entries are pruned, {_pruned(right)} should be.")
        differ = int((mask != right).sum())
        if differ:
            raise Wrong(
                f"{case}: {differ} entries of the mask are wrong. The norm is the root of the sum "
                "of squares. Do you take that?"
            )
    return "Small weights on large features are kept."


@exercise(_check_input_mask)
def input_mask(weight, inputs, sparsity):
    """True where the weight is kept; those of smallest |weight| × norm of its feature are pruned.

    The weight has a row for each output and a column for each input feature.
    `inputs` has a row for each example.
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
    threshold = sum(thresholds) / len(thresholds)
    return {name: weight.abs() > threshold for name, weight in weights.items()}


def _equal(masks, others):
    return all(torch.equal(masks[name], others[name]) for name in others)


def _check_global_masks(function):
    narrow = torch.tensor([[0.02, -0.05, 0.1, -0.4]])
    wide = torch.tensor([[-0.35, 0.5, -0.6, 0.7], [0.8, -0.9, 1.0, -1.1]])
    generator = torch.Generator().manual_seed(0)
    larger = {
        "first": torch.randn(20, 30, generator=generator),
        "second": 0.3 * torch.randn(8, 5, generator=generator),
        "third": 2 * torch.randn(7, 7, generator=generator),
    }
    larger["third"][0, 0] = 0
    for weights, sparsity in (
        ({"narrow": narrow, "wide": wide}, 0.5),
        (larger, 0.75),
        (larger, 0.7),
        (larger, 0.0),
    ):
        masks = masks_like(weights, function(weights, sparsity))
        right, apart = (pruning.masks_for(weights, sparsity, s) for s in ("global", "matrix"))
        if _equal(masks, apart) and not _equal(masks, right):
            raise Wrong(
                f"Each matrix is pruned to {100 * sparsity:.0f}%: that is one threshold for each. "
                "Put all magnitudes into one order."
            )
        total = sum(weight.numel() for weight in weights.values())
        zeros, wanted = sum(map(_pruned, masks.values())), round(total * sparsity)
        if sparsity and _equal(masks, _averaged(weights, sparsity)):
            raise Wrong(
                f"You average the matrices' thresholds. That prunes {zeros} of {total} entries, "
                f"not {wanted}. Put all magnitudes into one order."
            )
        if wanted == 0 and zeros == total:
            raise Wrong(NOTHING)
        if _equal(masks, {name: ~mask for name, mask in right.items()}):
            raise Wrong(TURNED.format("magnitudes"))
        signed = torch.cat([w.flatten() for w in weights.values()]).sort().values[wanted - 1]
        if sparsity and _equal(masks, {name: weight > signed for name, weight in weights.items()}):
            raise Wrong("One order for all, but of signed values. Take absolute values first.")
        if zeros != wanted:
            raise Wrong(
                f"At {100 * sparsity:.0f}%, {zeros} of all {total} entries are pruned. {wanted} "
                "should be, all matrices together."
            )
        if not _equal(masks, right):
            told = ", ".join(
                f"'{name}' loses {_pruned(masks[name])} instead of {_pruned(right[name])} entries"
                for name in weights
            )
            raise Wrong(f"The total is right, but the entries lie in the wrong matrices: {told}.")
    return "One threshold for all matrices, the total exact."


@exercise(_check_global_masks)
def global_masks(weights, sparsity):
    """Masks by one threshold for all matrices: the smallest magnitudes of them all are pruned.

    `weights` is a dict of tensors of different shapes. The masks are a dict with the same names
    and shapes.
    """
    ### BEGIN SOLUTION
    together = torch.cat([weight.flatten() for weight in weights.values()])
    parts = magnitude_mask(together, sparsity).split([w.numel() for w in weights.values()])
    return {name: part.view(weights[name].shape) for name, part in zip(weights, parts)}
    ### END SOLUTION


def _check_expected_difference(function):
    said = {
        0.24: "That counts the entries that the first mask prunes and the second keeps. Count the "
        "opposite case, too.",
        0.36: "That is the share that both prune. There they agree.",
        0.84: "That is the share that at least one of them prunes. Where both do, they agree.",
        0.52: "That is the share in which they agree.",
        48.0: "The number is right, but in percent. Return a fraction.",
        1.2: "A share cannot be above 1. You count the entries that both prune twice over. There "
        "the masks agree.",
    }
    value = number(function(0.6))
    for wrong, message in said.items():
        if abs(value - wrong) < 1e-6:
            raise Wrong(f"At 60% sparsity you get {value:g}. {message}")
    for sparsity in (0.6, 0.0, 0.9, 0.25):
        value, wanted = number(function(sparsity)), 2 * sparsity * (1 - sparsity)
        if not abs(value - wanted) < 1e-6:
            raise Wrong(
                f"At {100 * sparsity:.0f}% sparsity you get {value:.4g}. It should be "
                f"{wanted:.4g}: the chance that one of two independent masks prunes an entry and "
                "the other does not."
            )
    return "Largest at 50%, and nothing at 0%."


@exercise(_check_expected_difference)
def expected_difference(sparsity):
    """The share of entries in which two independent random masks of this sparsity differ.

    A fraction.
    """
    ### BEGIN SOLUTION
    return 2 * sparsity * (1 - sparsity)
    ### END SOLUTION

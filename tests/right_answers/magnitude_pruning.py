"""Other right answers in notebook 01."""

import torch


def magnitude_mask(weight, sparsity):
    count = round(weight.numel() * sparsity)
    if count == 0:
        return torch.ones_like(weight, dtype=torch.bool)
    ranks = weight.abs().flatten().argsort().argsort().view(weight.shape)  # all different
    threshold = ranks.flatten().kthvalue(count).values
    return ranks > threshold


def kept_norm(weight, mask):
    return (weight[mask].norm() / weight.norm()) ** 2


def input_mask(weight, inputs, sparsity):
    scores = weight.abs() * inputs.pow(2).sum(dim=0).sqrt()
    order = scores.flatten().argsort(descending=True)
    mask = torch.zeros(weight.numel(), dtype=torch.bool)
    mask[order[: weight.numel() - round(weight.numel() * sparsity)]] = True
    return mask.reshape(weight.shape)


def global_masks(weights, sparsity):
    magnitudes = torch.cat([weight.abs().flatten() for weight in weights.values()])
    count = round(len(magnitudes) * sparsity)
    threshold = magnitudes.sort().values[count - 1] if count else -1
    return {name: weight.abs() > threshold for name, weight in weights.items()}


def expected_difference(sparsity):
    both_prune, both_keep = sparsity**2, (1 - sparsity) ** 2
    return 1 - both_prune - both_keep

"""Typical wrong answers in notebook 01, by what the check says of them."""

import torch

from helpers import pruning


def by_rank(values, count, shape):
    mask = torch.ones(values.numel(), dtype=torch.bool)
    mask[values.flatten().argsort()[:count]] = False
    return mask.view(shape)


def zero_in_place(weight, sparsity):
    flat = weight.flatten()
    flat[flat.abs().argsort()[: round(len(flat) * sparsity)]] = 0
    return (flat != 0).view(weight.shape)


def half(scores, sparsity):
    return by_rank(scores, round(scores.numel() * sparsity), scores.shape)


def below_the_mean_threshold(weights, sparsity):
    thresholds = [
        w.abs().flatten().kthvalue(round(w.numel() * sparsity)).values for w in weights.values()
    ]
    return {name: w.abs() > torch.stack(thresholds).mean() for name, w in weights.items()}


def by_signed_values(weights, sparsity):
    together = torch.cat([w.flatten() for w in weights.values()])
    return {
        name: w > together.kthvalue(round(len(together) * sparsity)).values
        for name, w in weights.items()
    }


def at_or_above_the_threshold(weights, sparsity):
    together = torch.cat([w.abs().flatten() for w in weights.values()])
    return {
        name: w.abs() >= together.kthvalue(round(len(together) * sparsity)).values
        for name, w in weights.items()
    }


def relative_to_the_largest(weights, sparsity):
    return pruning.masks_for(
        {name: w / w.abs().max() for name, w in weights.items()}, sparsity, "global"
    )


def above_the_threshold(weight, sparsity):
    count = round(weight.numel() * sparsity)
    threshold = weight.abs().flatten().sort().values[count - 1] if count else -1
    return weight.abs() > threshold


def above_the_last(weights, sparsity):
    """By a threshold for all, looked up at count - 1: at 0% the largest of all."""
    together = torch.cat([w.abs().flatten() for w in weights.values()]).sort().values
    threshold = together[round(len(together) * sparsity) - 1]
    return {name: w.abs() > threshold for name, w in weights.items()}


WRONG = {
    "magnitude_mask": {
        "equal magnitudes": above_the_threshold,
        "At 0% everything": lambda w, s: (
            w.abs() > w.abs().flatten().sort().values[round(w.numel() * s) - 1]
        ),
        "its weight's shape": lambda w, s: by_rank(w.abs(), 3, (6,)),
        "Return a bool tensor": lambda w, s: by_rank(
            w.abs(), round(w.numel() * s), w.shape
        ).float(),
        "wrong way round": lambda w, s: ~by_rank(w.abs(), round(w.numel() * s), w.shape),
        "signed": lambda w, s: by_rank(w, round(w.numel() * s), w.shape),
        "> or >=": lambda w, s: (
            w.abs() >= w.abs().flatten().sort().values[round(w.numel() * s) - 1]
        ),
        "changes its argument `weight`": zero_in_place,
        "is a NumPy array": lambda w, s: by_rank(w.abs(), round(w.numel() * s), w.shape).numpy(),
        "Is a `return` missing": lambda w, s: None,
        "sparsity × the largest": lambda w, s: w.abs() > s * w.abs().max(),
        "the 3 smallest": lambda w, s: by_rank(w.abs(), 1, w.shape),
        "round() instead of int()": lambda w, s: by_rank(w.abs(), int(w.numel() * s), w.shape),
        "as a quantile does": lambda w, s: w.abs() >= w.abs().flatten().quantile(s),
        "the right number, but": lambda w, s: (
            by_rank(w.abs(), round(w.numel() * s), w.shape)
            if w.numel() < 1000
            else by_rank(w, round(w.numel() * s), w.shape)
        ),
        "you prune [": lambda w, s: by_rank(-w.abs(), 3, w.shape).roll(1),
        "prunes 3 entries": lambda w, s: by_rank(w.abs(), 3, w.shape),
    },
    "kept_norm": {
        "share that goes": lambda w, m: (w * ~m).square().sum() / w.square().sum(),
        "in percent": lambda w, m: 100 * (w * m).square().sum() / w.square().sum(),
        "Divide it by": lambda w, m: (w * m).square().sum(),
        "share of the entries": lambda w, m: m.float().mean(),
        "You add up magnitudes": lambda w, m: (w * m).abs().sum() / w.abs().sum(),
        "take no root": lambda w, m: (w * m).norm() / w.norm(),
        "It should be (4²": lambda w, m: (w * m).sum() / w.sum(),
    },
    "input_mask": {
        "its weight's shape": lambda w, x, s: half(w * x.norm(dim=0), s).flatten(),
        "wrong way round": lambda w, x, s: ~half((w * x.norm(dim=0)).abs(), s),
        "by magnitude alone": lambda w, x, s: half(w.abs(), s),
        "scores are signed": lambda w, x, s: half(w * x.norm(dim=0), s),
        "cancel": lambda w, x, s: half((w * x.mean(dim=0)).abs(), s),
        "half of each row": lambda w, x, s: torch.stack(
            [half((row * x.norm(dim=0)).abs(), s) for row in w]
        ),
        "RuntimeError": lambda w, x, s: half((w * x.norm(dim=1)).abs(), s),
        "root of the sum of squares": lambda w, x, s: half((w * x.abs().mean(dim=0)).abs(), s),
        "entries are pruned, 24 should be": lambda w, x, s: (
            (w * x.norm(dim=0)).abs() > (w * x.norm(dim=0)).abs().mean()
        ),
    },
    "global_masks": {
        "At 0% everything": above_the_last,
        "a mask for each": lambda ws, s: torch.cat(
            [half(w.abs(), s).flatten() for w in ws.values()]
        ),
        "its weight's shape": lambda ws, s: {
            name: mask.flatten() for name, mask in pruning.masks_for(ws, s, "global").items()
        },
        "one threshold for each": lambda ws, s: {name: half(w.abs(), s) for name, w in ws.items()},
        "average the matrices' thresholds": below_the_mean_threshold,
        "wrong way round": lambda ws, s: {
            name: ~mask for name, mask in pruning.masks_for(ws, s, "global").items()
        },
        "signed values": by_signed_values,
        "5 of all 12": at_or_above_the_threshold,
        "in the wrong matrices": relative_to_the_largest,
    },
    "expected_difference": {
        "Count the opposite case": lambda s: s * (1 - s),
        "That is the share that both prune": lambda s: s**2,
        "at least one": lambda s: 1 - (1 - s) ** 2,
        "in which they agree": lambda s: s**2 + (1 - s) ** 2,
        "percent": lambda s: 200 * s * (1 - s),
        "above 1": lambda s: 2 * s,
        "It should be 0.48": lambda s: s,
    },
}

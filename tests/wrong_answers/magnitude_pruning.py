"""Typical wrong answers in notebook 01, by what the check says of them."""

import torch


def by_rank(values, count, shape):
    mask = torch.ones(values.numel(), dtype=torch.bool)
    mask[values.flatten().argsort()[:count]] = False
    return mask.view(shape)


WRONG = {
    "magnitude_mask": {
        "the weight's shape": lambda w, s: by_rank(w.abs(), 3, (6,)),
        "wrong way round": lambda w, s: ~by_rank(w.abs(), round(w.numel() * s), w.shape),
        "signed": lambda w, s: by_rank(w, round(w.numel() * s), w.shape),
        "> or >=": lambda w, s: w.abs() >= w.abs().flatten().sort().values[round(w.numel() * s) - 1],
        "prunes 3 entries": lambda w, s: by_rank(w.abs(), 3, w.shape),
    },
}

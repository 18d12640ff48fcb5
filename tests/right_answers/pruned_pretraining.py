"""Other right answers in notebook 04."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from helpers import analysis


def perplexity(loss):
    return np.e**loss


def masked_loss(logits, inputs, labels):
    return cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)


def share_of_zeros(model):
    together = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    return float((together == 0).double().mean())


def first_certain_rise(dense, pruned):
    for sparsity in sorted(pruned.index):
        mean, low, high = analysis.interval(pruned.loc[sparsity] - dense)
        if low > 0:
            return sparsity
    return None

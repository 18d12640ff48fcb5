"""Other right answers in notebook 07."""

import math

import numpy as np
import torch
from scipy import stats


def mask_difference(a, b):
    differ = torch.cat([(a[name] ^ b[name]).flatten() for name in a])
    return differ.double().mean()


def rank_movement(before, after):
    ranks = [stats.rankdata(np.abs(weights)) for weights in (before, after)]
    return np.abs(ranks[0] - ranks[1]).reshape(before.shape) / before.size


def sawtooth(step, epoch):
    end = epoch * math.ceil((step + 1) / epoch)
    return (end - step) / end


def same_epochs(run):
    first, second = run.profile.fine_tuning.epochs_for(run.condition, run.sparsity)
    fair = run.profile.replace(fine_tuning={"epochs": first + second})
    return type(run)("prune_pretrain", run.task, run.sparsity, run.seed, run.learning_rate, fair)

"""Typical wrong answers in notebook 04, by what the check says of them."""

import math

import torch
from torch.nn.functional import cross_entropy

from helpers import analysis, pruning


def originals(inputs, labels):
    return torch.where(labels == -100, inputs, labels)


def nats(logits, labels):
    """Of each chosen word, by sentence."""
    return [
        cross_entropy(row[label != -100], label[label != -100], reduction="none")
        for row, label in zip(logits, labels)
    ]


def share(tensors):
    tensors = list(tensors)
    return sum(int((t == 0).sum()) for t in tensors) / sum(t.numel() for t in tensors)


def round_in_place(model):
    for parameter in model.parameters():
        parameter.data[parameter.abs() < 1e-3] = 0
    return share(model.parameters())


def rises(dense, pruned, end):
    return [s for s, values in (pruned - dense).iterrows() if analysis.interval(values)[end] > 0]


WRONG = {
    "perplexity": {
        "base is e": lambda loss: 2**loss,
        "loss in bits": lambda loss: loss / math.log(2),
        "probability of the right word": lambda loss: math.exp(-loss),
        "each has probability 1/n": lambda loss: 100 * loss,
    },
    "masked_loss": {
        "number of all positions": lambda logits, inputs, labels: (
            sum(x.sum() for x in nats(logits, labels)) / labels.numel()
        ),
        "every position": lambda logits, inputs, labels: cross_entropy(
            logits.flatten(0, 1), originals(inputs, labels).flatten()
        ),
        "special tokens out": lambda logits, inputs, labels: cross_entropy(
            logits[:, 1:-1].flatten(0, 1), originals(inputs, labels)[:, 1:-1].flatten()
        ),
        "[MASK] itself": lambda logits, inputs, labels: cross_entropy(
            logits[labels != -100], inputs[labels != -100]
        ),
        "positions that read [MASK]": lambda logits, inputs, labels: cross_entropy(
            logits[inputs == 4], labels[inputs == 4]
        ),
        "not changed": lambda logits, inputs, labels: cross_entropy(
            *(x[(labels != -100) & (inputs != labels)] for x in (logits, labels))
        ),
        "each sentence's mean": lambda logits, inputs, labels: (
            sum(x.mean() for x in nats(logits, labels)) / len(labels)
        ),
        "is the sum": lambda logits, inputs, labels: sum(x.sum() for x in nats(logits, labels)),
        "whose id is 0": lambda logits, inputs, labels: cross_entropy(
            logits[labels > 0], labels[labels > 0]
        ),
        "in bits": lambda logits, inputs, labels: (
            cross_entropy(logits.flatten(0, 1), labels.flatten()) / math.log(2)
        ),
        "sign is wrong": lambda logits, inputs, labels: (
            -cross_entropy(logits.flatten(0, 1), labels.flatten())
        ),
        "two sentences": lambda logits, inputs, labels: 1 - logits.softmax(-1).max(),
    },
    "share_of_zeros": {
        "twice": lambda model: share(model.state_dict().values()),
        "are one tensor": lambda model: share(
            p for name, p in model.named_parameters() if "word_embeddings" not in name
        ),
        "tensors' shares": lambda model: (
            sum(share([p]) for p in model.parameters()) / len(list(model.parameters()))
        ),
        "matrices only": lambda model: share(p for p in model.parameters() if p.dim() == 2),
        "MLM head out": lambda model: share(model.bert.parameters()),
        "not 0": lambda model: 1 - share(model.parameters()),
        "0 or below": lambda model: (
            sum(int((p <= 0).sum()) for p in model.parameters())
            / sum(p.numel() for p in model.parameters())
        ),
        "Read its parameters": round_in_place,
        "percent": lambda model: 100 * share(model.parameters()),
        "number of zeros": lambda model: sum(int((p == 0).sum()) for p in model.parameters()),
        "pruning may touch": lambda model: pruning.sparsity_report(model).sparsity["total"],
        "On a small BERT": lambda model: 0.5,
    },
    "first_certain_rise": {
        "nowhere you say nan": lambda dense, pruned: min(
            rises(dense, pruned, 1), default=float("nan")
        ),
        "lower than dense": lambda dense, pruned: min(
            s for s, values in pruned.iterrows() if analysis.interval(values)[1] > 0
        ),
        "Only its upper end": lambda dense, pruned: min(rises(dense, pruned, 2), default=None),
        "could be nothing": lambda dense, pruned: min(rises(dense, pruned, 0), default=None),
        "seed by seed": lambda dense, pruned: min(rises(dense.mean(), pruned, 1), default=None),
        "lowest of all": lambda dense, pruned: next(iter(rises(dense, pruned, 1)), None),
        "only 40 and 60%": lambda dense, pruned: (
            min(rises(dense, pruned[1:], 1), default=None)
            if len(pruned) == 2
            else min(rises(dense, pruned, 1), default=None)
        ),
        "Return None": lambda dense, pruned: min(rises(dense, pruned, 1), default=0.0),
        "Each seed rises there": lambda dense, pruned: min(
            (s for s, values in (pruned - dense).iterrows() if values.min() > 0), default=None
        ),
        "exactly the loss of its dense model": lambda dense, pruned: min(
            (s for s, v in (pruned - dense).iterrows() if analysis.interval(v)[1] >= 0),
            default=None,
        ),
        "one of the sparsities": lambda dense, pruned: 40,
        "You return None": lambda dense, pruned: None,
    },
}

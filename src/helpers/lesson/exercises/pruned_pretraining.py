"""Exercises of notebook 04."""

import copy
import math
from functools import cache

import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForMaskedLM

from ... import analysis
from ...pruning import prunable_parameters
from . import Wrong, described, exercise, number


def _check_perplexity(function):
    for loss in (2.0, 0.5, 0.0):
        value, wanted = number(function(loss)), math.exp(loss)
        if math.isclose(value, wanted, rel_tol=1e-4):
            continue
        case = f"For a loss of {loss} nats you get {value:.3f}"
        if math.isclose(value, 2**loss, rel_tol=1e-4):
            raise Wrong(
                f"{case}, which would be right for bits: 2 to the loss. A loss in nats has natural "
                "logarithms, so the base is e."
            )
        if math.isclose(value, loss / math.log(2), rel_tol=1e-4):
            raise Wrong(
                f"{case}. That is the same loss in bits, not a number of words. Undo the logarithm."
            )
        if math.isclose(value, math.exp(-loss), rel_tol=1e-4):
            raise Wrong(
                f"{case}. That is the probability of the right word. Of how many equally likely "
                "words does each have this probability?"
            )
        raise Wrong(
            f"{case}. It should be {wanted:.3f}: among n equally likely words each has "
            "probability 1/n, and the loss is −log(1/n)."
        )
    return "A loss of 0 means one word: no doubt is left."


@exercise(_check_perplexity)
def perplexity(loss):
    """The number of equally likely words among which a guess has this loss, in nats."""
    ### BEGIN SOLUTION
    return math.exp(loss)
    ### END SOLUTION


_KEPT = -100  # the label of a position that was not chosen


def _check_masked_loss(function):
    inputs = torch.tensor([[1, 4, 5, 3, 2], [1, 6, 4, 5, 2]])  # 1 and 2 are special, 4 is [MASK]
    labels = torch.tensor([[_KEPT, 6, 5, 0, _KEPT], [_KEPT, _KEPT, 3, _KEPT, _KEPT]])
    logits = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)) * 2
    chosen = labels != _KEPT
    nats = torch.zeros(2, 5)
    nats[chosen] = cross_entropy(logits[chosen], labels[chosen], reduction="none")
    words = torch.where(chosen, labels, inputs)
    right = nats.sum() / chosen.sum()
    inner = slice(None), slice(1, -1)
    wrong = {
        "You divide by the number of all positions. Only the chosen ones have a loss, so divide by "
        "their number.": nats.sum() / labels.numel(),
        "You count every position. A word that the model can read is no puzzle. Only the chosen "
        "positions count, those whose label is not -100.": cross_entropy(
            logits.flatten(0, 1), words.flatten()
        ),
        "You leave the special tokens out, but still count words that the model can read. Only "
        "positions whose label is not -100 count.": cross_entropy(
            logits[inner].flatten(0, 1), words[inner].flatten()
        ),
        "You compare with the word in the input, at some places [MASK] itself. The model is to "
        "guess the original word, which is in labels.": cross_entropy(
            logits[chosen], inputs[chosen]
        ),
        "You count the positions that read [MASK]. Chosen words that became another word, or "
        "stayed, count as well: those whose label is not -100.": cross_entropy(
            logits[inputs == 4], words[inputs == 4]
        ),
        "You leave out chosen words that were not changed. They count like the others: the model "
        "cannot know that they were not.": nats[chosen & (inputs != labels)].mean(),
        "You leave out chosen words whose id is 0. Leave out only those labelled -100.": nats[
            labels > 0
        ].mean(),
        "You take each sentence's mean first, so that a word counts less where many were chosen. "
        "Every chosen word counts the same.": (nats.sum(1) / chosen.sum(1)).mean(),
        "That is the sum. Divide by the number of chosen positions, or the loss grows with the "
        "batch.": nats.sum(),
        "That is in bits. Use natural logarithms.": right / math.log(2),
        "The sign is wrong. A probability below 1 has a negative logarithm, and a loss is its "
        "opposite.": -right,
    }
    value = number(function(logits, inputs, labels))
    if not math.isclose(value, right, abs_tol=1e-4):
        for message, candidate in wrong.items():
            if math.isclose(value, candidate, abs_tol=1e-4):
                raise Wrong(message)
        raise Wrong(
            "On a batch of two sentences, with 3 and 1 words chosen, you get "
            f"{value:.4f}. It should be {right:.4f}: the mean of −log(probability of the original "
            "word) over the chosen positions."
        )
    return "The mean over the chosen words, in nats, and nothing else."


@exercise(_check_masked_loss)
def masked_loss(logits, inputs, labels):
    """The MLM loss of a batch: nats per chosen word.

    Logits: (sentences, tokens, vocabulary). Inputs and labels: (sentences, tokens).
    """
    ### BEGIN SOLUTION
    chosen = labels != -100
    log_probabilities = logits[chosen].log_softmax(-1)
    return -log_probabilities.gather(1, labels[chosen].unsqueeze(1)).mean()
    ### END SOLUTION


@cache
def _small_bert():
    """A BERT with zeros in some of its matrices and biases, and values of both signs elsewhere."""
    config = BertConfig(
        vocab_size=11,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=6,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertForMaskedLM(config).requires_grad_(False)
        for parameter in model.parameters():
            parameter.uniform_(0.1, 1)
            parameter.view(-1)[::3] *= -1
            parameter.view(-1)[-1] = 1e-6
            parameter.view(-1)[0] = 0
    query = model.bert.encoder.layer[0].attention.self.query.weight
    model.bert.embeddings.word_embeddings.weight.view(-1)[:66] = 0
    query.view(-1)[:40] = 0
    model.cls.predictions.bias[:3] = 0
    return model


def _share(tensors):
    return sum(int((t == 0).sum()) for t in tensors) / sum(t.numel() for t in tensors)


def _check_share_of_zeros(function):
    model = copy.deepcopy(_small_bert())
    words = model.bert.embeddings.word_embeddings.weight
    tensors = list(model.parameters())
    right = _share(tensors)
    wrong = {
        "You count the word embeddings twice. The MLM output layer is the same tensor: "
        "state_dict() lists it under both names, parameters() once.": _share(
            list(model.state_dict().values())
        ),
        "You leave the word embeddings out. They are the MLM output layer as well, but they are "
        "one tensor, and are stored once.": _share([t for t in tensors if t is not words]),
        "You take the mean of the tensors' shares. A tensor of 8 numbers then weighs as much as "
        "one of thousands. Count over all of them together.": sum(_share([t]) for t in tensors)
        / len(tensors),
        "That is the sparsity of the matrices that pruning may touch. Here all parameters count: "
        "heads, biases, LayerNorm and positions as well.": _share(
            prunable_parameters(model).values()
        ),
        "You count the matrices only. Biases and LayerNorm are in the file as well.": _share(
            [t for t in tensors if t.dim() > 1]
        ),
        "You leave the MLM head out. It is in the file as well.": _share(
            list(model.bert.parameters())
        ),
        "That is the share that is not 0.": 1 - right,
        "Right, but in percent. Return a fraction.": 100 * right,
        "That is the number of zeros. Divide it by the number of parameters.": sum(
            int((t == 0).sum()) for t in tensors
        ),
        "You count what is 0 or below. Weights may be negative.": sum(
            int((t <= 0).sum()) for t in tensors
        )
        / sum(t.numel() for t in tensors),
    }
    value = number(function(model))
    if not math.isclose(value, right, abs_tol=1e-6):
        for message, candidate in wrong.items():
            if math.isclose(value, candidate, abs_tol=1e-6):
                raise Wrong(message)
        zeros, total = sum(int((t == 0).sum()) for t in tensors), sum(t.numel() for t in tensors)
        raise Wrong(
            f"On a small BERT {zeros} of {total} parameters are 0. Their share is {right:.4f}, you "
            f"get {value:.4f}."
        )
    return "Every tensor once, each parameter with the same weight."


@exercise(_check_share_of_zeros)
def share_of_zeros(model):
    """The fraction of all parameters of a model that are exactly 0.

    A tensor that has two names counts once.
    """
    ### BEGIN SOLUTION
    zeros = sum((parameter == 0).sum().item() for parameter in model.parameters())
    return zeros / sum(parameter.numel() for parameter in model.parameters())
    ### END SOLUTION


def _check_first_certain_rise(function):
    dense = pd.Series([1.00, 1.10, 1.05], index=[0, 1, 2])
    above = {
        0.05: [-0.03, -0.031, -0.029],
        0.1: [-0.02, 0.01, 0.0],
        0.15: [0.0, 0.0, 0.0],
        0.2: [0.0, 0.02, 0.02],
        0.3: [0.006, 0.012, 0.02],
        0.4: [0.02, 0.03, 0.025],
        0.6: [0.3, 0.32, 0.31],
    }
    rows = {s: dense + rise for s, rise in above.items()}
    pruned = pd.DataFrame(rows, index=dense.index).T
    value = function(dense, pruned)
    if isinstance(value, (pd.Series, pd.DataFrame)) or value != 0.4:
        if value is None:
            raise Wrong(
                "You return None. But at 40% each of the three seeds has lost about 0.025 nats, "
                "which is certain. If you always get None, a `return` is missing."
            )
        raise Wrong(_why_not_40(value, above))
    shuffled = function(dense, pruned.loc[[0.6, 0.1, 0.4, 0.05, 0.2]])
    if shuffled != 0.4:
        raise Wrong(
            "Right if the sparsities are in order. Where 60% stands first you say "
            f"{described(shuffled)}: take the lowest of all that are certain."
        )
    for sparsities, wanted in (((0.4, 0.6), 0.4), ((0.1, 0.6), 0.6)):
        value = function(dense, pruned.loc[list(sparsities)])
        if value != wanted:
            raise Wrong(
                f"Where only {100 * sparsities[0]:.0f} and {100 * sparsities[1]:.0f}% were "
                f"measured you say {described(value)}. It should be {wanted}: look at the first "
                "and at the last sparsity as well."
            )
    nowhere = function(dense, pruned.loc[[0.05, 0.1]])
    if nowhere is not None:
        raise Wrong(f"Where the loss rises nowhere you say {described(nowhere)}. Return None.")
    return "Seed by seed, by the lower end of the interval."


def _why_not_40(value, above):
    known = isinstance(value, float) and value in above
    mean, low, high = analysis.interval(above[value]) if known else (math.nan,) * 3
    said = {
        0.05: "You say 5%, but there the loss is lower than dense. Compare with dense, and look "
        "for a rise.",
        0.1: f"You say 10%, but there the interval reaches from {low:.3f} to {high:.3f}. Only its "
        "upper end is above 0. A rise is certain if the lower end is.",
        0.15: "You say 15%, but there each seed has exactly the loss of its dense model. The "
        "interval must lie wholly above 0.",
        0.2: f"You say 20%. The mean rise is {mean:.3f}, but its 95% interval reaches from "
        f"{low:.3f} to {high:.3f}, so it could be nothing.",
        0.3: f"You say 30%. Each seed rises there, but unevenly: the 95% interval reaches from "
        f"{low:.3f} to {high:.3f}, so it could be nothing.",
        0.6: "You say 60%, but at 40% it is certain as well: from "
        f"{analysis.interval(above[0.4])[1]:.3f} nats up. Take the difference seed by seed. What "
        "the seeds have in common then drops out.",
    }
    if known:
        return said[value]
    return (
        f"You get {described(value)}. The answer is one of the sparsities, as a fraction: 0.4 here."
    )


@exercise(_check_first_certain_rise, none=True)
def first_certain_rise(dense, pruned):
    """The lowest sparsity at which the loss is certainly above dense, or None.

    Dense: a series by seed. Pruned: a row for each sparsity, a column for each seed.
    """
    ### BEGIN SOLUTION
    rise = pruned - dense  # pandas subtracts seed by seed
    certain = [s for s, values in rise.iterrows() if analysis.interval(values)[1] > 0]
    return min(certain, default=None)
    ### END SOLUTION

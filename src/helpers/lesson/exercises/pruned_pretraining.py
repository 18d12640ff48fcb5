"""Exercises of notebook 04."""

import math

import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForMaskedLM

from ... import analysis
from ...pruning import prunable_parameters
from . import Wrong, exercise


def _check_perplexity(function):
    for loss in (2.0, 0.5, 0.0):
        value, wanted = float(function(loss)), math.exp(loss)
        if math.isclose(value, wanted, rel_tol=1e-4):
            continue
        case = f"For a loss of {loss} nats you get {value:.3f}"
        if math.isclose(value, 2**loss, rel_tol=1e-4):
            raise Wrong(
                f"{case}, which would be right for bits: 2 to the loss. A loss in nats has natural logarithms, so the base is e."
            )
        if math.isclose(value, loss / math.log(2), rel_tol=1e-4):
            raise Wrong(
                f"{case}: that is the same loss in bits, not a number of words. Undo the logarithm."
            )
        if math.isclose(value, math.exp(-loss), rel_tol=1e-4):
            raise Wrong(
                f"{case}: that is the probability of the right word. Of how many equally likely words does each have this probability?"
            )
        raise Wrong(
            f"{case}, it should be {wanted:.3f}: among n equally likely words each has probability 1/n, and the loss is −log(1/n)."
        )
    return "A loss of 0 is one word only: no doubt left."


@exercise(_check_perplexity)
def perplexity(loss):
    """Among how many equally likely words a guess would have this loss, in nats."""
    ### BEGIN SOLUTION
    return math.exp(loss)
    ### END SOLUTION


_KEPT = -100  # the label of a position that was not chosen


def _check_masked_loss(function):
    inputs = torch.tensor(
        [[1, 4, 5, 3, 2], [1, 6, 4, 5, 2]]
    )  # 1 and 2 are the special tokens, 4 is [MASK]
    labels = torch.tensor([[_KEPT, 6, 5, 0, _KEPT], [_KEPT, _KEPT, 3, _KEPT, _KEPT]])
    logits = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)) * 2
    chosen = labels != _KEPT
    nats = torch.zeros(2, 5)
    nats[chosen] = cross_entropy(logits[chosen], labels[chosen], reduction="none")
    words = torch.where(chosen, labels, inputs)
    right = nats.sum() / chosen.sum()
    wrong = {
        "You divide by the number of all positions. Only the chosen ones have a loss, so divide by their number.": nats.sum()
        / labels.numel(),
        "You count every position. A word that the model can read is no puzzle: only the chosen positions count, those whose label is not -100.": cross_entropy(
            logits.flatten(0, 1), words.flatten()
        ),
        "You leave the special tokens out, but still count words that the model can read. Only positions whose label is not -100 count.": cross_entropy(
            logits[:, 1:-1].flatten(0, 1), words[:, 1:-1].flatten()
        ),
        "You compare with what stands in the input, at some places [MASK] itself. The model is to guess the original word, which is in labels.": cross_entropy(
            logits[chosen], inputs[chosen]
        ),
        "You count the positions that read [MASK]. Chosen words that became another word, or stayed, count as well: those whose label is not -100.": cross_entropy(
            logits[inputs == 4], words[inputs == 4]
        ),
        "You leave out chosen words that were not changed. They count like the others: the model cannot know that they were not.": nats[
            chosen & (inputs != labels)
        ].mean(),
        "You take each sentence's mean first, so that a word counts less where many were chosen. Every chosen word counts the same.": (
            nats.sum(1) / chosen.sum(1)
        ).mean(),
        "That is the sum. Divide by the number of chosen positions, or the loss grows with the batch.": nats.sum(),
        "That is in bits. Use natural logarithms.": right / math.log(2),
        "The sign is wrong: a probability below 1 has a negative logarithm, and a loss is its opposite.": -right,
    }
    value = float(function(logits.clone(), inputs.clone(), labels.clone()))
    if not math.isclose(value, right, abs_tol=1e-4):
        for message, candidate in wrong.items():
            if math.isclose(value, candidate, abs_tol=1e-4):
                raise Wrong(message)
        raise Wrong(
            f"On a batch of two sentences, with 3 and 1 words chosen, you get {value:.4f}, it should be {right:.4f}: the mean of "
            "−log(probability of the original word) over the chosen positions."
        )
    return "The mean over the chosen words, in nats, and nothing else."


@exercise(_check_masked_loss)
def masked_loss(logits, inputs, labels):
    """The MLM loss of a batch: nats per chosen word. Logits: (sentences, tokens, vocabulary); inputs, labels: (sentences, tokens)."""
    ### BEGIN SOLUTION
    chosen = labels != -100
    log_probabilities = logits[chosen].log_softmax(-1)
    return -log_probabilities.gather(1, labels[chosen].unsqueeze(1)).mean()
    ### END SOLUTION


def _check_share_of_zeros(function):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertForMaskedLM(
            BertConfig(
                vocab_size=11,
                hidden_size=8,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=16,
                max_position_embeddings=6,
            )
        ).requires_grad_(False)
        for parameter in model.parameters():
            parameter.uniform_(0.1, 1)
    words, query = (
        model.bert.embeddings.word_embeddings.weight,
        model.bert.encoder.layer[0].attention.self.query.weight,
    )
    words.view(-1)[:66], query.view(-1)[:40] = 0, 0
    model.cls.predictions.bias[:3] = 0
    share = lambda tensors: (
        sum(int((t == 0).sum()) for t in tensors) / sum(t.numel() for t in tensors)
    )
    tensors, stored = list(model.parameters()), list(model.state_dict().values())
    right = share(tensors)
    wrong = {
        "You count the word embeddings twice. The MLM output layer is the same tensor: state_dict() lists it under both names, parameters() once.": share(
            stored
        ),
        "You leave the word embeddings out. They are the MLM output layer as well, but they are one tensor, and are stored once.": share(
            [t for t in tensors if t is not words]
        ),
        "You take the mean of the tensors' shares. A tensor of 8 numbers then weighs as much as one of thousands: count over all of them together.": sum(
            share([t]) for t in tensors
        )
        / len(tensors),
        "That is the sparsity of the matrices that pruning may touch. Here all parameters count: heads, biases, LayerNorm and positions as well.": share(
            prunable_parameters(model).values()
        ),
        "You count the matrices only. Biases and LayerNorm are in the file as well.": share(
            [t for t in tensors if t.dim() > 1]
        ),
        "You leave the MLM head out. It is in the file as well.": share(
            list(model.bert.parameters())
        ),
        "That is the share that is not 0.": 1 - right,
        "Right, but in percent; return a fraction.": 100 * right,
        "That is the number of zeros. Divide it by the number of parameters.": sum(
            int((t == 0).sum()) for t in tensors
        ),
    }
    value = float(function(model))
    if not math.isclose(value, right, abs_tol=1e-6):
        for message, candidate in wrong.items():
            if math.isclose(value, candidate, abs_tol=1e-6):
                raise Wrong(message)
        zeros, total = sum(int((t == 0).sum()) for t in tensors), sum(t.numel() for t in tensors)
        raise Wrong(
            f"On a small BERT {zeros} of {total} parameters are 0, which is {right:.4f}; you get {value:.4f}."
        )
    return "Every tensor once, each parameter with the same weight."


@exercise(_check_share_of_zeros)
def share_of_zeros(model):
    """The fraction of all parameters of a model that are exactly 0; a tensor that has two names counts once."""
    ### BEGIN SOLUTION
    zeros = sum((parameter == 0).sum().item() for parameter in model.parameters())
    return zeros / sum(parameter.numel() for parameter in model.parameters())
    ### END SOLUTION


def _check_first_certain_rise(function):
    dense = pd.Series([1.00, 1.10, 1.05], index=[0, 1, 2])
    above = {
        0.05: [-0.03, -0.031, -0.029],
        0.1: [-0.02, 0.01, 0.0],
        0.2: [0.0, 0.02, 0.02],
        0.4: [0.02, 0.03, 0.025],
        0.6: [0.3, 0.32, 0.31],
    }
    pruned = pd.DataFrame({s: dense + rise for s, rise in above.items()}, index=dense.index).T
    value = function(dense.copy(), pruned.copy())
    if value != 0.4:
        if value is None or value != value:
            raise Wrong(
                "You find no sparsity, but at 40% each of the three seeds has lost about 0.025 nats: that is certain."
            )
        mean, low, high = analysis.interval(above[value]) if value in above else (math.nan,) * 3
        said = {
            0.05: "You say 5%, but there the loss is lower than dense. Compare with dense, and look for a rise.",
            0.1: f"You say 10%, but there the interval reaches from {low:.3f} to {high:.3f}: only its upper end is above 0. A rise is certain if the lower end is.",
            0.2: f"You say 20%. The mean rise is {mean:.3f}, but its 95% interval reaches from {low:.3f} to {high:.3f}, so it could be nothing.",
            0.6: f"You say 60%, but at 40% it is certain as well: from {analysis.interval(above[0.4])[1]:.3f} nats up. Take the difference seed by seed: what the "
            "seeds have in common then drops out.",
        }
        raise Wrong(
            said.get(
                value,
                f"You get {value!r}; the answer is one of the sparsities, as a fraction: 0.4.",
            )
        )
    shuffled = function(dense.copy(), pruned.loc[[0.6, 0.1, 0.4, 0.05, 0.2]])
    if shuffled != 0.4:
        raise Wrong(
            f"Right if the sparsities are in order. Where 60% stands first you say {shuffled!r}: take the lowest of all that are certain."
        )
    nowhere = function(dense.copy(), pruned.loc[[0.05, 0.1]])
    if nowhere is not None and nowhere == nowhere:
        raise Wrong(f"Where the loss rises nowhere you say {nowhere!r}; return None.")
    return "Seed by seed, by the lower end of the interval."


@exercise(_check_first_certain_rise)
def first_certain_rise(dense, pruned):
    """The lowest sparsity at which the loss is certainly above dense, or None. Dense: a series by seed; pruned: sparsity × seed."""
    ### BEGIN SOLUTION
    rise = pruned - dense  # pandas subtracts seed by seed
    certain = [sparsity for sparsity, values in rise.iterrows() if analysis.interval(values)[1] > 0]
    return min(certain, default=None)
    ### END SOLUTION

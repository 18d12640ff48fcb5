"""Exercises of notebook 03."""

from functools import cache

import torch
from transformers import BertConfig, BertForMaskedLM, BertModel

from ... import pruning
from . import Wrong, described, exercise

DECODER = "cls.predictions.decoder.weight"


@cache
def _names():
    """All names in a masked language model with a pooler, as the notebook lists them."""
    config = BertConfig(num_hidden_layers=12)
    with torch.device("meta"):
        model = BertForMaskedLM(config)
        model.bert = BertModel(config)
    names = tuple(name for name, _ in model.named_parameters(remove_duplicate=False))
    return names, {f"bert.{name}" for name in pruning.prunable_parameters(model)} | {DECODER}


def _check_is_prunable(function):
    names, right = _names()
    answers = {name: function(name) for name in names}
    if all(answer is None for answer in answers.values()):
        raise Wrong("Your function always returns None. Is a `return` missing?")
    chosen = {name for name, answer in answers.items() if answer}
    groups = {
        "bias": "Biases are not pruned",
        "LayerNorm": "The weights of LayerNorm are not pruned",
        "position_embeddings": "Position embeddings are not pruned. Of the embeddings only those "
        "of words are",
        "token_type": "Type embeddings are not pruned. Of the embeddings only those of words are",
        "transform": "The MLM head's own layer is not pruned. It is thrown away before fine-tuning",
    }
    for part, message in groups.items():
        wrong = sorted(name for name in chosen - right if part in name)
        if wrong:
            raise Wrong(f"{message}. You say True for {len(wrong)} of them, such as {wrong[0]}.")
    missing = sorted(right - chosen)
    if not chosen:
        raise Wrong("You say True for no name at all. In BERT-Base 74 matrices are pruned.")
    if DECODER in missing and "bert.embeddings.word_embeddings.weight" not in missing:
        raise Wrong(
            f"{DECODER} is missing. It is the word embeddings under another name: to prune one is "
            "to prune the other."
        )
    for part, message in (
        ("word_embeddings", "The word embeddings are pruned, too"),
        ("pooler", "The pooler is pruned, too"),
    ):
        found = [name for name in missing if part in name]
        if found:
            raise Wrong(f"{message}. You say False for {found[0]}.")
    if missing:
        raise Wrong(
            f"All linear layers of the encoder are pruned. You say False for {len(missing)} of "
            f"them, such as {missing[0]}."
        )
    return f"Of {len(names)} names in BERT-Base, {len(right)} are pruned, one matrix under two."


@exercise(_check_is_prunable, none=True)  # which is as good as False
def is_prunable(name):
    """Whether the parameter of BERT that has this name is pruned."""
    ### BEGIN SOLUTION
    if not name.endswith(".weight"):
        return False
    module = name.split(".")[-2]
    if module == "dense":
        return "transform" not in name
    return module in ("query", "key", "value", "word_embeddings", "decoder")
    ### END SOLUTION


def _check_count_prunable(function):
    small = BertConfig(
        vocab_size=50,
        hidden_size=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=20,
    )
    for config, model in ((BertConfig(), "BERT-Base"), (small, "a small BERT")):
        layers, hidden = config.num_hidden_layers, config.hidden_size
        wide, words = config.intermediate_size, config.vocab_size
        answer = function(config)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise Wrong(
                "Return a pair: the number of matrices and the number of weights. You return "
                f"{described(answer)}."
            )
        matrices, weights = answer
        in_layers = layers * (4 * hidden**2 + 2 * hidden * wide)
        wanted = 6 * layers + 2, in_layers + hidden**2 + words * hidden
        said = {
            hidden**2: "The pooler's matrix is missing, hidden × hidden",
            words * hidden: "The word embeddings are missing, words × hidden",
            hidden**2 + words * hidden: "The two matrices outside the layers are missing, pooler "
            "and word embeddings",
            -words * hidden: "The word embeddings are counted twice. The MLM output layer is the "
            "same matrix, not a second one",
            layers * hidden**2: "Each layer has four attention matrices: query, key, value and "
            "output. You count three",
            layers * hidden * wide: "Each layer has two feed-forward matrices, in and out. You "
            "count one",
            -(layers * (5 * hidden + wide) + hidden): "You count the biases, too. They are not "
            "pruned",
        }
        difference = wanted[1] - weights
        if difference in said:
            raise Wrong(
                f"{said[difference]} ({weights:,} weights for {model}, it should be {wanted[1]:,})."
            )
        if difference and difference == layers * 2 * hidden * (wide - 4 * hidden):
            raise Wrong(
                "Right for BERT-Base, whose feed-forward layers are 4 × hidden wide. In general "
                f"ask config.intermediate_size, here {wide} and not {4 * hidden}."
            )
        if difference:
            raise Wrong(
                f"You find {_counted(weights)} weights in {model}. It should be {wanted[1]:,}: for "
                "each layer 4 matrices hidden × hidden and 2 of hidden × intermediate, then pooler "
                "and word embeddings."
            )
        if matrices != wanted[0]:
            raise Wrong(
                f"The weights are right, but they lie in {wanted[0]} matrices, 6 in each of "
                f"{layers} layers and 2 outside. You say {_counted(matrices)}."
            )
    return "No model had to be loaded for it."


def _counted(value):
    huge = isinstance(value, int) and abs(value) > 10**15
    return "more than 10¹⁵" if huge else f"{value:,}"


@exercise(_check_count_prunable)
def count_prunable(config):
    """How many prunable matrices a BERT with this configuration has, and how many weights.

    A pair of whole numbers. The weights are those in all these matrices together.
    """
    layers, hidden, words = config.num_hidden_layers, config.hidden_size, config.vocab_size
    ### BEGIN SOLUTION
    attention, feed_forward = 4 * hidden**2, 2 * hidden * config.intermediate_size
    return 6 * layers + 2, layers * (attention + feed_forward) + hidden**2 + words * hidden
    ### END SOLUTION


def _check_head_sparsity(function):
    for heads, hidden in ((3, 12), (2, 10)):
        _check_heads(function, heads, hidden)
    return "Rows of three matrices, columns of the fourth."


def _check_heads(function, heads, hidden):
    generator = torch.Generator().manual_seed(0)
    query, key, value, output = (
        torch.rand(hidden, hidden, generator=generator) < share for share in (0.3, 0.5, 0.6, 0.8)
    )
    rows = lambda mask: mask.view(heads, hidden // heads, hidden)
    columns = lambda mask: rows(mask.T.contiguous())
    pruned = lambda *blocks: (
        1 - torch.stack([block.float().mean(dim=(1, 2)) for block in blocks]).mean(dim=0)
    )
    every = lambda mask: mask.view(hidden // heads, heads, hidden).transpose(0, 1)
    right = pruned(rows(query), rows(key), rows(value), columns(output))
    answer = function(query, key, value, output, heads)
    try:
        shares = torch.tensor([float(share) for share in answer])
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(
            f"Return a list with a number for each head. You return {described(answer)}."
        ) from None
    if len(shares) != heads:
        raise Wrong(
            f"There are {heads} heads, so return {heads} numbers. You return {len(shares)}."
        )
    for wrong, message in (
        (
            1 - right,
            "That is the share that is kept. Return the share that is pruned, where the mask "
            "is False.",
        ),
        (100 * right, "The numbers are right, but in percent. Return fractions."),
        (
            pruned(rows(query), rows(key), rows(value)),
            "The attention output is missing. Its columns read what the head gives.",
        ),
        (
            pruned(rows(query), rows(key), rows(value), rows(output)),
            "Of the attention output you take rows. A head's results are its inputs, and inputs "
            "lie in columns.",
        ),
        (
            pruned(columns(query), columns(key), columns(value), columns(output)),
            "Of query, key and value you take columns. A head's queries are outputs of the matrix, "
            "and outputs lie in rows.",
        ),
        (
            pruned(columns(query), columns(key), columns(value), rows(output)),
            "Rows and columns are exchanged. A head has rows of query, key and value, and columns "
            "of the attention output.",
        ),
        (
            pruned(every(query), every(key), every(value), every(output.T.contiguous())),
            f"You give head 0 every {heads}rd row. Its rows lie together: the first "
            f"{hidden // heads}.",
        ),
    ):
        if (shares - wrong).abs().max() < 1e-4:
            raise Wrong(message)
    if not (shares - right).abs().max() < 1e-4:
        listed = [[round(float(s), 3) for s in values] for values in (shares, right)]
        raise Wrong(
            f"For masks of {hidden} × {hidden} and {heads} heads you get {listed[0]}. It should be "
            f"{listed[1]}."
        )


@exercise(_check_head_sparsity)
def head_sparsity(query, key, value, output, heads):
    """The share of each head's entries that a layer's four attention masks prune.

    A list with a fraction for each head.
    """
    ### BEGIN SOLUTION
    blocks = [mask.chunk(heads, dim=0) for mask in (query, key, value)]
    blocks.append(output.chunk(heads, dim=1))
    entries = [torch.cat([block.flatten() for block in head]) for head in zip(*blocks)]
    return [1 - kept.float().mean().item() for kept in entries]
    ### END SOLUTION

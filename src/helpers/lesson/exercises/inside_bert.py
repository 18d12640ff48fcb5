"""Exercises of notebook 03."""

import torch

from ... import pruning
from . import Wrong, exercise

DECODER = "cls.predictions.decoder.weight"


def _check_is_prunable(function):
    from transformers import BertConfig, BertForPreTraining

    with torch.device("meta"):
        model = BertForPreTraining(BertConfig(num_hidden_layers=2))
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    right = {f"bert.{name}" for name in pruning.prunable_parameters(model)} | {DECODER}
    chosen = {name for name in names if function(name)}
    groups = {
        "bias": "Biases are not pruned",
        "LayerNorm": "The weights of LayerNorm are not pruned",
        "position_embeddings": "Position embeddings are not pruned, of the embeddings only those of words",
        "token_type": "Type embeddings are not pruned, of the embeddings only those of words",
        "transform": "The MLM head's own layer is not pruned: it is thrown away before fine-tuning",
        "seq_relationship": "The next-sentence head is not pruned: it is thrown away before fine-tuning",
    }
    for part, message in groups.items():
        wrong = sorted(name for name in chosen - right if part in name)
        if wrong:
            raise Wrong(f"{message}; you say True for {len(wrong)} of them, such as {wrong[0]}.")
    missing = sorted(right - chosen)
    if not chosen:
        raise Wrong("You say True for no name at all; in BERT-Base 74 matrices are pruned.")
    if DECODER in missing and "bert.embeddings.word_embeddings.weight" not in missing:
        raise Wrong(
            f"{DECODER} is missing. It is the word embeddings under another name: to prune one is to prune the other."
        )
    for part, message in (
        ("word_embeddings", "The word embeddings are pruned, too"),
        ("pooler", "The pooler is pruned, too"),
    ):
        found = [name for name in missing if part in name]
        if found:
            raise Wrong(f"{message}; you say False for {found[0]}.")
    if missing:
        raise Wrong(
            f"All linear layers of the encoder are pruned; you say False for {len(missing)} of them, such as {missing[0]}."
        )
    return f"Of {len(names)} names in a BERT of two layers, {len(right)} are pruned, one of them twice."


@exercise(_check_is_prunable)
def is_prunable(name):
    """Whether the parameter of BERT that has this name is pruned."""
    ### BEGIN SOLUTION
    if not name.endswith(".weight"):
        return False
    module = name.split(".")[-2]
    return module in ("query", "key", "value", "word_embeddings", "decoder") or (
        module == "dense" and "transform" not in name
    )
    ### END SOLUTION


def _check_count_prunable(function):
    from transformers import BertConfig

    small = BertConfig(
        vocab_size=50,
        hidden_size=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=20,
    )
    for config, model in ((BertConfig(), "BERT-Base"), (small, "a small BERT")):
        layers, hidden, wide, words = (
            config.num_hidden_layers,
            config.hidden_size,
            config.intermediate_size,
            config.vocab_size,
        )
        answer = function(config)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise Wrong(
                f"Return a pair, the number of matrices and that of weights; you return {answer!r}."
            )
        matrices, weights = answer
        wanted = (
            6 * layers + 2,
            layers * (4 * hidden**2 + 2 * hidden * wide) + hidden**2 + words * hidden,
        )
        said = {
            hidden**2: "The pooler's matrix is missing, hidden × hidden",
            words * hidden: "The word embeddings are missing, words × hidden",
            hidden**2
            + words
            * hidden: "The two matrices outside the layers are missing, pooler and word embeddings",
            -words
            * hidden: "The word embeddings are counted twice: the MLM output layer is the same matrix, not a second one",
            layers
            * hidden
            ** 2: "Each layer has four attention matrices, query, key, value and output; you count three",
            layers
            * hidden
            * wide: "Each layer has two feed-forward matrices, in and out; you count one",
            -(
                layers * (5 * hidden + wide) + hidden
            ): "You count the biases, too; they are not pruned",
        }
        difference = wanted[1] - weights
        if difference in said:
            raise Wrong(
                f"{said[difference]} ({weights:,} weights for {model}, it should be {wanted[1]:,})."
            )
        if (
            difference
            and wide != 4 * hidden
            and difference == layers * 2 * hidden * (wide - 4 * hidden)
        ):
            raise Wrong(
                "Right for BERT-Base, whose feed-forward layers are 4 × hidden wide; in general ask config.intermediate_size, "
                f"here {wide} and not {4 * hidden}."
            )
        if difference:
            raise Wrong(
                f"You find {weights:,} weights in {model}, it should be {wanted[1]:,}: for each layer 4 matrices hidden × hidden and 2 of "
                "hidden × intermediate, then pooler and word embeddings."
            )
        if matrices != wanted[0]:
            raise Wrong(
                f"The weights are right, but they lie in {wanted[0]} matrices, 6 in each of {layers} layers and 2 outside; "
                f"you say {matrices}."
            )
    return "No model had to be loaded for it."


@exercise(_check_count_prunable)
def count_prunable(config):
    """The number of prunable matrices of a BERT with this configuration, and of the weights in them: a pair."""
    layers, hidden, words = config.num_hidden_layers, config.hidden_size, config.vocab_size
    ### BEGIN SOLUTION
    attention, feed_forward = 4 * hidden**2, 2 * hidden * config.intermediate_size
    return 6 * layers + 2, layers * (attention + feed_forward) + hidden**2 + words * hidden
    ### END SOLUTION


def _check_head_sparsity(function):
    generator = torch.Generator().manual_seed(0)
    heads, hidden = 3, 12
    query, key, value, output = (
        torch.rand(hidden, hidden, generator=generator) < share for share in (0.3, 0.5, 0.6, 0.8)
    )
    rows = lambda mask: mask.view(heads, hidden // heads, hidden)
    columns = lambda mask: rows(mask.T)
    pruned = lambda *blocks: (
        1 - torch.stack([block.float().mean(dim=(1, 2)) for block in blocks]).mean(dim=0)
    )
    right = pruned(rows(query), rows(key), rows(value), columns(output))
    shares = function(query.clone(), key.clone(), value.clone(), output.clone(), heads)
    if len(shares) != heads:
        raise Wrong(
            f"There are {heads} heads, so return {heads} numbers; you return {len(shares)}."
        )
    shares = torch.tensor([float(share) for share in shares])
    near = lambda wrong: (shares - wrong).abs().max() < 1e-4
    every = lambda mask: mask.view(hidden // heads, heads, hidden).transpose(0, 1)
    for wrong, message in (
        (
            1 - right,
            "That is the share that is kept; asked is the share that is pruned, where the mask is False.",
        ),
        (100 * right, "The numbers are right, but in percent; return fractions."),
        (
            pruned(rows(query), rows(key), rows(value)),
            "The attention output is missing: its columns read what the head gives.",
        ),
        (
            pruned(rows(query), rows(key), rows(value), rows(output)),
            "Of the attention output you take rows. A head's results are its inputs, and inputs lie in columns.",
        ),
        (
            pruned(columns(query), columns(key), columns(value), columns(output)),
            "Of query, key and value you take columns. A head's queries are outputs of the matrix, and outputs lie in rows.",
        ),
        (
            pruned(columns(query), columns(key), columns(value), rows(output)),
            "Rows and columns are exchanged: a head has rows of query, key and value, and columns of the attention output.",
        ),
        (
            pruned(every(query), every(key), every(value), every(output.T)),
            f"You give head 0 every {heads}rd row. Its rows lie together: the first {hidden // heads}.",
        ),
    ):
        if near(wrong):
            raise Wrong(message)
    if not near(right):
        raise Wrong(
            f"For masks of {hidden} × {hidden} and {heads} heads you get {[round(float(s), 3) for s in shares]}, it should be "
            f"{[round(float(s), 3) for s in right]}."
        )
    return "Rows of three matrices, columns of the fourth."


@exercise(_check_head_sparsity)
def head_sparsity(query, key, value, output, heads):
    """The share of each head's entries that a layer's four attention masks prune: a list with a fraction for each head."""
    ### BEGIN SOLUTION
    blocks = [mask.chunk(heads, dim=0) for mask in (query, key, value)] + [
        output.chunk(heads, dim=1)
    ]
    return [
        1 - torch.cat([block.flatten() for block in head]).float().mean().item()
        for head in zip(*blocks)
    ]
    ### END SOLUTION

"""Typical wrong answers in notebook 03, by what the check says of them."""

import torch

from helpers.lesson.exercises.inside_bert import is_prunable


def but(name, *parts):
    """Right but for the names that hold one of these parts."""
    return is_prunable(name) and not any(part in name for part in parts)


def weights(
    config, layers=None, attention=4, feed_forward=2, pooler=1, embeddings=1, biases=0, wide=None
):
    layers, hidden, wide = (
        config.num_hidden_layers,
        config.hidden_size,
        wide or config.intermediate_size,
    )
    return (
        layers
        * (attention * hidden**2 + feed_forward * hidden * wide + biases * (5 * hidden + wide))
        + pooler * hidden**2
        + embeddings * config.vocab_size * hidden
        + biases * hidden
    )


def matrices(config):
    return 6 * config.num_hidden_layers + 2


def shares(query, key, value, output, heads, inside=0, outside=1, with_output=True):
    blocks = [mask.chunk(heads, dim=inside) for mask in (query, key, value)] + [
        output.chunk(heads, dim=outside)
    ] * with_output
    return [
        1 - torch.stack([block.float().mean() for block in head]).mean() for head in zip(*blocks)
    ]


WRONG = {
    "is_prunable": {
        "Biases are not": lambda name: (
            is_prunable(name.replace(".bias", ".weight")) and "LayerNorm" not in name
        ),
        "of LayerNorm are not": lambda name: name.endswith("weight"),
        "Position embeddings": lambda name: (
            is_prunable(name) or "position" in name or "token_type" in name
        ),
        "Type embeddings": lambda name: is_prunable(name) or "token_type" in name,
        "MLM head's own layer": lambda name: is_prunable(name) or "transform.dense.weight" in name,
        "no name at all": lambda name: False,
        "under another name": lambda name: but(name, "decoder"),
        "word embeddings are pruned, too": lambda name: but(name, "embeddings", "decoder"),
        "layer.1.attention": lambda name: (
            is_prunable(name) and (".layer." not in name or ".layer.0." in name)
        ),
        "pooler is pruned, too": lambda name: but(name, "pooler"),
        "for 12 of them, such as bert.encoder.layer.0.intermediate": lambda name: but(
            name, "intermediate"
        ),
    },
    "count_prunable": {
        "Return a pair": lambda c: weights(c),
        "pooler's matrix is missing": lambda c: (matrices(c) - 1, weights(c, pooler=0)),
        "word embeddings are missing": lambda c: (matrices(c) - 1, weights(c, embeddings=0)),
        "outside the layers": lambda c: (matrices(c) - 2, weights(c, pooler=0, embeddings=0)),
        "counted twice": lambda c: (matrices(c) + 1, weights(c, embeddings=2)),
        "four attention matrices": lambda c: (matrices(c), weights(c, attention=3)),
        "two feed-forward": lambda c: (matrices(c), weights(c, feed_forward=1)),
        "biases": lambda c: (matrices(c), weights(c, biases=1)),
        "config.intermediate_size": lambda c: (matrices(c), weights(c, wide=4 * c.hidden_size)),
        "It should be 108,965,376: for each": lambda c: (74, 109_482_240),
        "6 in each of 12 layers": lambda c: (73, weights(c)),
    },
    "head_sparsity": {
        "return 3 numbers": lambda *masks: shares(*masks)[:2],
        "share that is kept": lambda *masks: [1 - share for share in shares(*masks)],
        "in percent": lambda *masks: [100 * share for share in shares(*masks)],
        "output is missing": lambda *masks: shares(*masks, with_output=False),
        "you take rows": lambda *masks: shares(*masks, outside=0),
        "you take columns": lambda *masks: shares(*masks, inside=1),
        "exchanged": lambda *masks: shares(*masks, inside=1, outside=0),
        "every 3rd row": lambda q, k, v, o, heads: [
            1 - torch.stack([m[h::heads].float().mean() for m in (q, k, v, o.T)]).mean()
            for h in range(heads)
        ],
        "with a number for each head": lambda q, k, v, o, heads: 0.5,
        "2 heads": lambda *masks: (
            shares(*masks) if masks[4] == 3 else [1 - masks[0].float().mean()] * 2
        ),
        "It should be": lambda q, k, v, o, heads: [1 - q.float().mean()] * heads,
    },
}

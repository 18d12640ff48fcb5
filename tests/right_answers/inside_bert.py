"""Other right answers in notebook 03."""


def is_prunable(name):
    others = ("LayerNorm", "position_embeddings", "token_type_embeddings", "transform")
    return "weight" in name and not any(part in name for part in others)


def count_prunable(config):
    hidden, wide = config.hidden_size, config.intermediate_size
    layer = [hidden * hidden] * 4 + [hidden * wide] * 2
    outside = [hidden * hidden, config.vocab_size * hidden]
    sizes = layer * config.num_hidden_layers + outside
    return len(sizes), sum(sizes)


def head_sparsity(query, key, value, output, heads):
    width = len(query) // heads
    shares = []
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        blocks = [query[own], key[own], value[own], output[:, own]]
        pruned = sum(int((~block).sum()) for block in blocks)
        shares.append(pruned / sum(block.numel() for block in blocks))
    return shares

"""Typical wrong answers in notebook 08, by what the check says of them."""

WRONG = {
    "csr_break_even": {
        "row ends": lambda columns: 0.5,
        "percent": lambda columns: 50 + 50 / columns,
        "share that is kept": lambda columns: 0.5 - 0.5 / columns,
        "8 bytes": lambda columns: 2 / 3 + 1 / (3 * columns),
        "set 8": lambda columns: 0.9,
    },
    "bitmask_bytes": {
        "A bit is enough": lambda w: 4 * int((w != 0).sum()) + w.numel(),
        "mask itself is missing": lambda w: 4 * int((w != 0).sum()),
        "The last byte is only begun": lambda w: 4 * int((w != 0).sum()) + w.numel() // 8,
        "4 bytes for each kept value": lambda w: 4 * w.numel(),
    },
}

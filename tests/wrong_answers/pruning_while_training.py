"""Typical wrong answers in notebook 02, by what the check says of them."""

WRONG = {
    "cubic_schedule": {
        "cubed": lambda t, end, final: final * min(t, end) / end,
        "At the start": lambda t, end, final: final * (1 - min(t, end) / end) ** 3,
        "After the end": lambda t, end, final: final - final * (1 - t / end) ** 3,
    },
}

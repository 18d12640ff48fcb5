"""Typical wrong answers in notebook 09, by what the check says of them."""

WRONG = {
    "first_loss": {
        "exactly 3 is not more": lambda lost, limit: lost[lost >= limit].index.min(),
        "should be 0.8": lambda lost, limit: next(
            (s for s, value in lost.items() if value > limit), None
        ),
        "return None": lambda lost, limit: lost[lost > limit].index.min(),
    },
}

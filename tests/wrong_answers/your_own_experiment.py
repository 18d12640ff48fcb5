"""Typical wrong answers in notebook 09, by what the check says of them."""

WRONG = {
    "first_loss": {
        "exactly 3 is not more": lambda lost, limit: lost[lost >= limit].index.min(),
        "should be 0.8": lambda lost, limit: next(
            (s for s, value in lost.items() if value > limit), None
        ),
        "though it does not come first": lambda lost, limit: (
            max((s for s, v in lost.items() if v > limit), default=None)
            if limit == 0.5
            else lost[lost > limit].index.min()
        ),
        "If you always get None": lambda lost, limit: None,
        "a series of 4 values": lambda lost, limit: lost > limit,
        "return None": lambda lost, limit: lost[lost > limit].index.min(),
    },
}

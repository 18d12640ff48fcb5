"""Exercises of notebook 09."""

import pandas as pd

from . import Wrong, described, exercise


def _check_first_loss(function):
    lost = pd.Series({0.9: 22.0, 0.5: 1.0, 0.7: 3.0, 0.8: 9.5})
    for limit, wanted, hint in (
        (5, 0.8, "from 80% on more than 5 points are lost"),
        (3, 0.8, "exactly 3 is not more than 3"),
        (0.5, 0.5, "0.5 is the lowest sparsity, though it does not come first"),
        (15, 0.9, "at 90% 22 points are lost, and at no other sparsity more than 15"),
        (30, None, "where nothing is lost that much, return None"),
    ):
        value = function(lost, limit)
        if value is None and wanted is not None and limit == 5:
            hint += ". If you always get None, a `return` is missing"
        elif value is wanted or (not isinstance(value, pd.Series) and value == wanted):
            continue
        got = "None" if value is None else described(value)
        raise Wrong(
            f"For {lost.to_dict()} and the limit {limit} you get {got}. "
            f"It should be {wanted}: {hint}."
        )
    return "Also where the limit is just met, and where it is never passed."


@exercise(_check_first_loss, none=True)
def first_loss(lost, limit):
    """The lowest sparsity at which more than `limit` points are lost, or None if there is none."""
    ### BEGIN SOLUTION
    hurting = lost[lost > limit]
    return hurting.index.min() if len(hurting) else None
    ### END SOLUTION

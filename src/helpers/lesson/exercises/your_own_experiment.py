"""Exercises of notebook 09."""

import pandas as pd

from . import Wrong, exercise


def _check_first_loss(function):
    lost = pd.Series({0.9: 22.0, 0.5: 1.0, 0.7: 3.0, 0.8: 9.5})
    for limit, wanted, hint in (
        (5, 0.8, "from 80% on more than 5 points are lost"),
        (3, 0.8, "exactly 3 is not more than 3"),
        (0.5, 0.5, "the sparsities need not be in order"),
        (30, None, "where nothing is lost that much, return None"),
    ):
        value = function(lost.copy(), limit)
        if value != wanted and not (value is None and wanted is None):
            raise Wrong(
                f"For {lost.to_dict()} and the limit {limit} you get {value}, it should be {wanted}: {hint}."
            )
    return "Also where the limit is just met, and where it is never passed."


@exercise(_check_first_loss)
def first_loss(lost, limit):
    """The lowest sparsity at which more than `limit` points are lost, or None if there is none."""
    ### BEGIN SOLUTION
    hurting = lost[lost > limit]
    return hurting.index.min() if len(hurting) else None
    ### END SOLUTION

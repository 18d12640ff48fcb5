"""Exercises of notebook 02."""

from ..schedule import cubic_sparsity
from . import Wrong, exercise


def _check_cubic_schedule(function):
    hints = {"at the start": "(1 - 0) ** 3 is 1, so nothing is pruned yet", "half-way": "is the bracket cubed?",
             "after the end": "after the ramp the sparsity stays where it is", "at the end": "the bracket is 0 there"}
    for step, name in ((0, "at the start"), (100, "at the end"), (50, "half-way"), (150, "after the end")):
        value, wanted = float(function(step, 100, 0.8)), cubic_sparsity(step, begin=0, end=100, final=0.8)
        if abs(value - wanted) > 1e-6:
            raise Wrong(f"{name.capitalize()} (step {step} of 100, final sparsity 0.8) you get {value:.4f}, it should be {wanted:.4f}: {hints[name]}.")
    return "The schedule of Zhu and Gupta."


@exercise(_check_cubic_schedule)
def cubic_schedule(step, end, final):
    """The sparsity at a step of a ramp from 0 to `final` that ends at step `end`."""
    ### BEGIN SOLUTION
    return final - final * (1 - min(step, end) / end) ** 3
    ### END SOLUTION

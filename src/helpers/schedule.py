"""Step → sparsity: the cubic schedule of Zhu & Gupta 2017."""

from .pruning import check_sparsity


def cubic_sparsity(step, *, begin, end, initial=0.0, final):
    """Sparsity at a training step.

    From `initial` at step `begin` it rises to `final` at step `end`, fast at first, when there are many
    weights to choose from, and slowly towards the end:
    ``final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3``.

    Parameters
    ----------
    step : int
        Training step; before `begin` the sparsity is `initial`, after `end` it is `final`.
    begin, end : int
        First and last step of the ramp, ``begin <= end``. Equal: one shot at `begin`.
    initial, final : float
        Sparsities in [0, 1).

    Returns
    -------
    float

    References
    ----------
    Zhu & Gupta 2017, "To prune, or not to prune", Eq. 1; Gordon, Duh & Andrews 2020, Sec. 3.2.
    """
    initial, final = check_sparsity(initial), check_sparsity(final)
    if end < begin:
        raise ValueError(f"the ramp must not end before it begins, got begin={begin!r}, end={end!r}")
    if step < begin:
        return initial
    if step >= end:
        return final
    return final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3

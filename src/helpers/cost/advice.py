"""What to do for each goal, from measured costs."""

import numpy as np
import pandas as pd

from .storage import EXACT


def advice(shape, sizes, times, free, whole):
    """What to do for each goal, from measured costs.

    Parameters
    ----------
    shape : str
        A model in both tables.
    sizes, times : pandas.DataFrame
        As `shipped` gives them, or measured anew.
    free, whole : float
        The sparsity that the accuracy allows, for single weights and for whole heads and neurons.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``goal``, with ``do this``, ``gain``, ``and pruning alone`` and ``from``.
    """
    sizes, times = sizes[sizes.model == shape], times[times.model == shape]
    percent = lambda s: f"{100 * s:.0f}%"

    def at(rows, column, sparsity):
        rows = rows.sort_values("sparsity")
        return float(np.interp(sparsity, rows.sparsity, rows[column]))

    size = {form: at(rows, "bytes", free) for form, rows in sizes.groupby("format")}
    exact = min(EXACT, key=size.get)
    both = (1 - free) + 1 / 8
    rows = [
        (
            "download size",
            f"prune to {percent(free)}, round to int8, store under a bit mask"
            if both < 1
            else "round to int8",
            f"{4 / min(both, 1):.1f} times smaller",
            f"{exact}: {size['dense'] / size[exact]:.1f} times smaller, exact",
            "measured; int8 under a mask calculated",
        ),
        (
            "memory while it runs",
            "int8",
            f"up to {size['dense'] / size['int8']:.1f} times less for the weights, if the engine rounds the word embeddings, too (PyTorch's does not)",
            f"dense zeros: none; CSR: {size['dense'] / size['csr']:.1f} times"
            + ("" if size["csr"] < size["dense"] else ", that is more"),
            "from the files",
        ),
    ]
    for batch, group in times.groupby("batch"):
        dense = group[group.engine == "dense"].ms.median()
        ms = {
            "int8": group[group.engine == "int8"].ms.median(),
            "an engine made for inference (OpenVINO), dense": group[
                group.engine == "OpenVINO"
            ].ms.median(),
        }
        if whole > 0:
            line = pd.concat(
                [pd.DataFrame({"sparsity": [0.0], "ms": [dense]}), group[group.engine == "smaller"]]
            )
            ms[f"cut out {percent(whole)} of the heads and neurons"] = at(line, "ms", whole)
        best = min((name for name in ms if ms[name] == ms[name]), key=ms.get)
        measured = group[group.engine == "CSR"]
        sparse = (
            f"CSR at {percent(free)}: {dense / at(measured, 'ms', free):.2g} times as fast"
            if free >= measured.sparsity.min()
            else f"CSR below {percent(measured.sparsity.min())}: not measured, slower than there"
        )
        rows.append(
            (
                f"CPU latency, {batch} sentence{'s' if batch > 1 else ''}",
                best if ms[best] < dense else "leave it dense",
                f"{dense / min(ms[best], dense):.1f} times as fast",
                sparse,
                "measured",
            )
        )
    rows += [
        (
            "GPU latency",
            "prune in the 2:4 pattern, compute capability 8.0 or higher",
            "1.3 times as fast, SQuAD F1 86.92 to 86.48",
            "no gain without the pattern",
            "PyTorch's 2:4 tutorial",
        ),
        (
            "energy",
            "as for latency: what computes zeros burns power like any product",
            "not measured here",
            "none where it is not faster",
            "an argument, no measurement",
        ),
    ]
    return pd.DataFrame(
        rows, columns=["goal", "do this", "gain", "and pruning alone", "from"]
    ).set_index("goal")

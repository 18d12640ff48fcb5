"""What to do for each goal, from measured costs."""

import json

import numpy as np
import pandas as pd

from ..profiles import ASSETS
from .storage import EXACT

COLUMNS = ["goal", "do this", "gain", "and pruning alone", "from"]


def advice(
    shape: str, sizes: pd.DataFrame, times: pd.DataFrame, free: float, whole: float
) -> pd.DataFrame:
    """What to do for each goal, from measured costs.

    Parameters
    ----------
    shape : str
        A model in both tables.
    sizes, times : pandas.DataFrame
        As `helpers.reference.costs` gives them, or measured anew.
    free, whole : float
        The sparsity that the accuracy allows, for single weights and for whole heads and neurons.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``goal``, with ``do this``, ``gain``, ``and pruning alone`` and ``from``.
    """
    sizes, times = sizes[sizes.model == shape], times[times.model == shape]
    size = {form: _at(rows, "bytes", free) for form, rows in sizes.groupby("format")}
    rows = [_download(size, free), _memory(size)]
    rows += [_latency(batch, group, free, whole) for batch, group in times.groupby("batch")]
    rows += [_gpu(), _energy()]
    return pd.DataFrame(rows, columns=COLUMNS).set_index("goal")


def _at(rows, column, sparsity):
    """A column's value at a sparsity, between the measured points on a straight line."""
    rows = rows.sort_values("sparsity")
    return float(np.interp(sparsity, rows.sparsity, rows[column]))


def _download(size, free):
    exact = min(EXACT, key=size.get)
    both = (1 - free) + 1 / 8  # bytes a weight: int8 for the kept ones, and a bit for each
    return (
        "download size",
        f"prune to {free:.0%}, round to int8, store under a bit mask"
        if both < 1
        else "round to int8",
        f"{4 / min(both, 1):.1f} times smaller",
        f"{exact}: {size['dense'] / size[exact]:.1f} times smaller, exact",
        "measured; int8 under a mask calculated",
    )


def _memory(size):
    more = "" if size["csr"] < size["dense"] else ", that is more"
    return (
        "memory while it runs",
        "int8",
        f"up to {size['dense'] / size['int8']:.1f} times less for the weights, if the engine "
        "rounds the word embeddings, too (PyTorch's does not)",
        f"dense zeros: none; CSR: {size['dense'] / size['csr']:.1f} times{more}",
        "from the files",
    )


def _latency(batch, times, free, whole):
    """The row of one batch size."""
    ms = times.groupby("engine").ms.median()
    dense = ms["dense"]
    named = {
        "int8": ms.get("int8"),
        "an engine made for inference (OpenVINO), dense": ms.get("OpenVINO"),
    }
    if whole > 0:
        uncut = pd.DataFrame({"sparsity": [0.0], "ms": [dense]})
        line = pd.concat([uncut, times[times.engine == "smaller"]])
        named[f"cut out {whole:.0%} of the heads and neurons"] = _at(line, "ms", whole)
    named = {name: value for name, value in named.items() if value is not None}
    best = min(named, key=named.get)
    csr = times[times.engine == "CSR"]
    lowest = csr.sparsity.min()
    return (
        f"CPU latency, {batch} sentence{'s' if batch > 1 else ''}",
        best if named[best] < dense else "leave it dense",
        f"{dense / min(named[best], dense):.1f} times as fast",
        f"CSR at {free:.0%}: {dense / _at(csr, 'ms', free):.2g} times as fast"
        if free >= lowest
        else f"CSR below {lowest:.0%}: not measured, slower than there",
        "measured",
    )


def _gpu():
    """What others measured, since the course's reference machine has no GPU."""
    told = json.loads((ASSETS / "cost" / "elsewhere.json").read_text())["2:4 sparsity on a GPU"]
    return (
        "GPU latency",
        "prune in the 2:4 pattern, compute capability 8.0 or higher",
        f"{told['speedup']} times as fast, {told['metric']} {told['dense']} to {told['pruned']}",
        "no gain without the pattern",
        told["source"],
    )


def _energy():
    return (
        "energy",
        "as for latency: what computes zeros burns power like any product",
        "not measured here",
        "none where it is not faster",
        "an argument, no measurement",
    )

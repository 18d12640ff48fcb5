"""Magnitude pruning: masks, thresholds, prunable parameters, sparsity reports.

A *mask* is a bool tensor of its weight's shape, True where the weight is kept. *Sparsity* is the fraction
of entries that are pruned. Which matrices are pruned, and that each has a threshold of its own, follows
Gordon, Duh & Andrews 2020, Sec. 2.1 and 3.1.
"""

import math
from collections import OrderedDict
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from . import machine

machine.use_threads()  # one, until a model is known to be large

SCOPES = ("matrix", "global")
# transformers' model types whose prunable matrices are known to be right (tests/test_families.py lists them by name)
FAMILIES = {
    "bert": "BERT",
    "distilbert": "DistilBERT",
    "roberta": "RoBERTa",
    "electra": "ELECTRA",
    "mobilebert": "MobileBERT",
    "albert": "ALBERT",
}


def check_sparsity(sparsity):
    """Return `sparsity` as a float, or raise if it is not a number in [0, 1)."""
    if isinstance(sparsity, bool) or not isinstance(sparsity, Real):
        raise TypeError(
            f"sparsity must be a number in [0, 1), got {sparsity!r} of type {type(sparsity).__name__}"
        )
    if not 0 <= sparsity < 1:
        hint = f"; for {sparsity} percent pass {sparsity / 100:g}" if 1 < sparsity < 100 else ""
        raise ValueError(
            f"sparsity must be in [0, 1), the fraction of weights to prune, got {sparsity!r}{hint}"
        )
    return float(sparsity)


def check_scope(scope):
    """Return `scope`, or raise a ValueError that lists the valid ones."""
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {SCOPES}, got {scope!r}")
    return scope


def magnitude_mask(weight, sparsity):
    """Mask that prunes the entries of smallest magnitude.

    Parameters
    ----------
    weight : torch.Tensor
        Any shape, floating point, finite.
    sparsity : float
        Fraction of the entries to prune, in [0, 1).

    Returns
    -------
    torch.Tensor
        Bool, of the weight's shape and on its device, True = kept. Exactly ``round(numel * sparsity)``
        entries are False. Among equal magnitudes those that come first in memory order are pruned.

    Raises
    ------
    ValueError
        If the sparsity is outside [0, 1) or the weight holds NaN or infinity.

    References
    ----------
    Gordon, Duh & Andrews 2020, Sec. 2.1.
    """
    count = round(weight.numel() * check_sparsity(sparsity))
    magnitude = weight.detach().abs().flatten()
    if magnitude.numel() and not torch.isfinite(
        magnitude.max()
    ):  # the maximum of NaN and anything is NaN
        raise ValueError(
            "the weight holds NaN or infinite entries, so its magnitudes have no order; did training diverge?"
        )
    if count == 0:
        return torch.ones_like(weight, dtype=torch.bool)
    threshold = _kth_smallest(magnitude, count)
    kept = magnitude > threshold
    # All entries below the threshold go, and as many of those equal to it as the count asks for.
    surplus = magnitude.numel() - count - int(torch.count_nonzero(kept))
    if surplus:
        at_threshold = (magnitude == threshold).nonzero().flatten()
        kept[at_threshold[at_threshold.numel() - surplus :]] = True
    return kept.view(weight.shape)


def _kth_smallest(values, k):
    # numpy selects several times faster than torch does on a CPU
    if values.device.type == "cpu" and values.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.partition(values.numpy(), k - 1)[k - 1 : k])[0]
    return values.kthvalue(k).values


def random_mask(weight, sparsity, generator=None):
    """Mask that prunes entries chosen uniformly at random: the paper's control condition (Fig. 1).

    Parameters
    ----------
    weight : torch.Tensor
    sparsity : float
        Fraction of the entries to prune, in [0, 1).
    generator : torch.Generator, optional
        A CPU generator; makes the choice repeatable.

    Returns
    -------
    torch.Tensor
        Bool, of the weight's shape, True = kept, exactly ``round(numel * sparsity)`` entries False.
    """
    count = round(weight.numel() * check_sparsity(sparsity))
    kept = torch.ones(weight.numel(), dtype=torch.bool)
    kept[torch.randperm(weight.numel(), generator=generator)[:count]] = False
    return kept.view(weight.shape).to(weight.device)


def encoder_of(model):
    """The encoder inside a model with a task head, or the model itself."""
    return getattr(model, getattr(model, "base_model_prefix", "") or "", model)


def check_family(config, name=None):
    """Raise a ValueError if a transformers configuration is not of one of `FAMILIES`.

    Parameters
    ----------
    config : transformers.PreTrainedConfig
    name : str, optional
        What to call the model in the error.
    """
    kind = getattr(config, "model_type", None)
    if kind not in FAMILIES:
        what = "an encoder-decoder" if getattr(config, "is_encoder_decoder", False) else "a model"
        raise ValueError(
            f"{name or 'the model'} is {what} of type {kind!r}, which this course cannot prune: it knows which matrices to prune, and the MLM "
            f"head, of the encoders {', '.join(FAMILIES.values())}. Choose a checkpoint of one of these, such as google-bert/bert-base-uncased. "
            "For another encoder, see what helpers.pruning.prunable_parameters would find, then add its type to helpers.pruning.FAMILIES."
        )


def prunable_parameters(model):
    """The weight matrices that are pruned: all linear layers of the encoder and the word embeddings.

    In ELECTRA, MobileBERT and ALBERT these include the layers between embeddings and encoder and MobileBERT's
    bottlenecks. ALBERT's layers share their matrices, so each is there once.

    Parameters
    ----------
    model : torch.nn.Module
        A Hugging Face model of one of `FAMILIES`, with or without a task head, or any other module with linear layers.

    Returns
    -------
    collections.OrderedDict
        Name → parameter, with names relative to the encoder, so that masks made on `BertForMaskedLM` fit
        `BertForSequenceClassification`. 74 entries for BERT-base with its pooler (Sec. 3.1, Table 3).
        Biases, LayerNorm, position and type embeddings and task heads are not among them.

    Raises
    ------
    ValueError
        If the model has no such matrix, or is a Hugging Face model of another family.
    """
    if hasattr(getattr(model, "config", None), "model_type"):
        check_family(model.config, type(model).__name__)
    encoder = encoder_of(model)
    modules = dict(encoder.named_modules())
    matrices = {name: m for name, m in modules.items() if isinstance(m, nn.Linear)}
    if hasattr(encoder, "get_input_embeddings"):
        words = encoder.get_input_embeddings()
        matrices = {name: m for name, m in modules.items() if m is words} | matrices
    if not matrices:
        raise ValueError(
            f"{type(model).__name__} has no prunable matrices: its encoder holds no torch.nn.Linear and no word "
            "embeddings. Pass a BERT-like model, for example transformers.BertModel."
        )
    return OrderedDict(
        (f"{name}.weight" if name else "weight", module.weight) for name, module in matrices.items()
    )


def magnitude_masks(model, sparsity, scope="matrix"):
    """Magnitude masks for all prunable matrices of a model.

    Parameters
    ----------
    model : torch.nn.Module
    sparsity : float
        In [0, 1).
    scope : {"matrix", "global"}
        One threshold for each matrix, as in the paper (Sec. 2.1, footnote 5), or one for all together.

    Returns
    -------
    dict of str to torch.Tensor
    """
    return masks_for(prunable_parameters(model), sparsity, scope)


def masks_for(weights, sparsity, scope="matrix"):
    """As `magnitude_masks`, for a dict of tensors."""
    if check_scope(scope) == "matrix":
        return {name: magnitude_mask(weight, sparsity) for name, weight in weights.items()}
    flat = torch.cat([weight.detach().flatten() for weight in weights.values()])
    parts = magnitude_mask(flat, sparsity).split([weight.numel() for weight in weights.values()])
    return {name: part.view(weight.shape) for part, (name, weight) in zip(parts, weights.items())}


def random_masks(model, sparsity, generator=None):
    """Random masks for all prunable matrices of a model."""
    return {
        name: random_mask(weight, sparsity, generator)
        for name, weight in prunable_parameters(model).items()
    }


def check_masks(weights, masks):
    """Raise a ValueError that says how `masks` fail to fit the matrices in `weights`."""
    unknown = [name for name in masks if name not in weights]
    if unknown:
        raise ValueError(
            f"masks for {unknown[:3]} fit no prunable matrix of this model; it has {list(weights)[:3]} … "
            f"({len(weights)} in all). Make the masks on a model of the same architecture."
        )
    for name, mask in masks.items():
        if mask.shape != weights[name].shape:
            raise ValueError(
                f"the mask for {name} has shape {tuple(mask.shape)}, the weight {tuple(weights[name].shape)}. "
                "Make the masks on a model of the same size and vocabulary."
            )
        if mask.dtype != torch.bool:
            raise ValueError(
                f"the mask for {name} is {mask.dtype}; masks are bool, True = kept. Convert it with mask.bool()."
            )


@torch.no_grad()
def apply_masks(model, masks):
    """Set the pruned entries of a model to zero, in place.

    Matrices without a mask stay as they are. What is tied to a masked matrix (the MLM output layer shares
    the word embeddings) sees the zeros too.

    Parameters
    ----------
    model : torch.nn.Module
    masks : dict of str to torch.Tensor

    Returns
    -------
    torch.nn.Module
        The same model.
    """
    weights = prunable_parameters(model)
    check_masks(weights, masks)
    for name, mask in masks.items():
        weights[name].mul_(mask.to(weights[name].device))
    return model


def sparsity_report(model):
    """How many entries of each prunable matrix are zero.

    Returns
    -------
    pandas.DataFrame
        A row a matrix, indexed by name, with columns ``entries``, ``zeros`` and ``sparsity`` (a fraction),
        and a last row ``total``.
    """
    rows = {
        name: (w.numel(), int((w == 0).sum())) for name, w in prunable_parameters(model).items()
    }
    report = pd.DataFrame.from_dict(rows, orient="index", columns=["entries", "zeros"])
    report.loc["total"] = report.sum()
    report["sparsity"] = report["zeros"] / report["entries"]
    return report.rename_axis("matrix")


def mask_difference(a, b):
    """The fraction of entries in which two sets of masks differ, over all matrices together.

    A share of all weights, not of the pruned ones, as in Sec. 5 and Fig. 3. Two independent masks of
    sparsity s differ in 2s(1-s) of their entries.

    Parameters
    ----------
    a, b : dict of str to torch.Tensor, or torch.Tensor

    Returns
    -------
    float
    """
    a, b = ({"": m} if torch.is_tensor(m) else m for m in (a, b))
    if a.keys() != b.keys():
        raise ValueError(
            f"the masks are for different matrices: {sorted(a.keys() ^ b.keys())[:4]} stand in one only"
        )
    check_masks(a, b)
    return sum(int((a[name] != b[name]).sum()) for name in a) / sum(
        mask.numel() for mask in a.values()
    )


def save_masks(masks, path):
    """Write masks to a safetensors file, one bit an entry."""
    packed = {
        name: torch.from_numpy(np.packbits(mask.cpu().numpy())) for name, mask in masks.items()
    }
    shapes = {name: ",".join(map(str, mask.shape)) for name, mask in masks.items()}
    save_file(packed, path, metadata=shapes)


def load_masks(path):
    """Read masks that `save_masks` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    from safetensors import safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"no masks at {path}; write them with helpers.pruning.save_masks")
    with safe_open(path, framework="pt") as file:
        shapes = file.metadata()
    masks = {}
    for name, packed in load_file(path).items():
        shape = [int(n) for n in shapes[name].split(",")]
        bits = np.unpackbits(packed.numpy(), count=math.prod(shape)).astype(bool)
        masks[name] = torch.from_numpy(bits).view(shape)
    return masks


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
        raise ValueError(
            f"the ramp must not end before it begins, got begin={begin!r}, end={end!r}"
        )
    if step < begin:
        return initial
    if step >= end:
        return final
    return final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3

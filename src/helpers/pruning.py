"""Magnitude pruning: masks, thresholds, prunable parameters, sparsity reports.

A *mask* is a bool tensor of its weight's shape, True where the weight is kept. *Sparsity* is the
fraction of entries that are pruned. Which matrices are pruned, and that each has a threshold of its
own, follows Gordon, Duh & Andrews 2020, Sec. 2.1 and 3.1.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from . import machine

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

machine.use_threads()  # one, until a model is known to be large

SCOPES = ("matrix", "global")
# transformers' model types whose prunable matrices are known to be right (tests/test_families.py
# lists them by name)
FAMILIES = {
    "bert": "BERT",
    "distilbert": "DistilBERT",
    "roberta": "RoBERTa",
    "electra": "ELECTRA",
    "mobilebert": "MobileBERT",
    "albert": "ALBERT",
}


def check_sparsity(sparsity: float) -> float:
    """Return `sparsity` as a float, or raise if it is not a number in [0, 1).

    Examples
    --------
    >>> check_sparsity(60)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: sparsity must be in [0, 1), ... got 60; for 60 percent pass 0.6
    """
    if isinstance(sparsity, bool) or not isinstance(sparsity, Real):
        raise TypeError(
            f"sparsity must be a number in [0, 1), got {sparsity!r} "
            f"of type {type(sparsity).__name__}"
        )
    if not 0 <= sparsity < 1:
        hint = f"; for {sparsity} percent pass {sparsity / 100:g}" if 1 < sparsity < 100 else ""
        raise ValueError(
            f"sparsity must be in [0, 1), the fraction of weights to prune, got {sparsity!r}{hint}"
        )
    return float(sparsity)


def check_scope(scope: str) -> str:
    """Return `scope`, or raise a ValueError that lists the valid ones."""
    if scope not in SCOPES:
        raise ValueError(f"scope must be one of {SCOPES}, got {scope!r}")
    return scope


def magnitude_mask(weight: Tensor, sparsity: float) -> Tensor:
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
        Bool, of the weight's shape and on its device, True = kept. Exactly
        ``round(numel * sparsity)`` entries are False. Among equal magnitudes those that come first
        in memory order are pruned.

    Raises
    ------
    ValueError
        If the sparsity is outside [0, 1) or the weight holds NaN or infinity.

    Examples
    --------
    >>> magnitude_mask(torch.tensor([[0.5, -0.1], [0.2, -3.0]]), 0.5)
    tensor([[ True, False],
            [False,  True]])

    References
    ----------
    Gordon, Duh & Andrews 2020, Sec. 2.1.
    """
    return magnitude_masks_at({"": weight}, [sparsity])[0][""]


def magnitude_masks_at(
    weights: Mapping[str, Tensor], sparsities: Iterable[float], scope: str = "matrix"
) -> list[dict[str, Tensor]]:
    """Magnitude masks at several sparsities, for little more work than at one.

    Parameters
    ----------
    weights : dict of str to torch.Tensor
        For example from `prunable_parameters`.
    sparsities : iterable of float
        Each in [0, 1).
    scope : {"matrix", "global"}
        One threshold for each matrix, as in the paper (Sec. 2.1, footnote 5), or one for all
        together.

    Returns
    -------
    list of dict of str to torch.Tensor
        For each sparsity the masks by name, bool, as `magnitude_mask` makes them. With one
        threshold for all, ties are broken by the order of the matrices.

    Examples
    --------
    >>> weights = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0, 4.0])}
    >>> for masks in magnitude_masks_at(weights, [0.5, 0.75], "global"):
    ...     print({name: mask.tolist() for name, mask in masks.items()})
    {'a': [False, False], 'b': [True, True]}
    {'a': [False, False], 'b': [False, True]}
    """
    sparsities = [check_sparsity(sparsity) for sparsity in sparsities]
    if check_scope(scope) == "global":
        return [dict(zip(weights, masks)) for masks in _masks([*weights.values()], sparsities)]
    one_by_one = _map(lambda weight: [m for (m,) in _masks([weight], sparsities)], weights.values())
    return [
        {name: masks[i] for name, masks in zip(weights, one_by_one)} for i in range(len(sparsities))
    ]


def _map(function, weights):
    """The function of each weight, on the cores that torch may use if there is much to do."""
    weights = list(weights)
    threads = torch.get_num_threads()
    on_cpu = all(weight.device.type == "cpu" for weight in weights)
    if threads == 1 or not on_cpu or sum(weight.numel() for weight in weights) < 1 << 23:
        return [function(weight) for weight in weights]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, weights))


# Selecting by counting. A float's bits without the sign, read as an integer, have the order of its
# magnitude. So the leading 16 bits of all entries are counted, which says in which bin a threshold
# lies, and only the entries of that bin are sorted. Nothing of the size of all weights is copied,
# and more thresholds cost little more.
_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
_BINS = 1 << 15
_PART = {"cpu": 1 << 18}  # entries at a time: few enough for a processor's cache
_PART_ON_GPU = 1 << 24


def _masks(weights, sparsities):
    """For each sparsity a mask a weight, with one threshold for all weights together."""
    weights = [weight.detach() for weight in weights]
    dtype = weights[0].dtype
    for weight in weights[1:]:
        dtype = torch.promote_types(dtype, weight.dtype)
    if not dtype.is_floating_point or dtype.itemsize not in _INTEGERS:
        dtype = torch.float64
    weights = [weight.to(dtype) for weight in weights]
    total = sum(weight.numel() for weight in weights)
    ranks = _ranks(weights, [round(total * sparsity) for sparsity in sparsities])
    masks = []
    for weight in weights:
        rows = _empty(len(ranks), weight)
        greater = np.greater if isinstance(rows, np.ndarray) else torch.gt
        for start, part in _parts(weight):
            for row, (threshold, _) in zip(rows, ranks):
                greater(part, threshold, out=row[start : start + len(part)])
        masks.append(torch.as_tensor(rows).unbind())
    masks = [*zip(*masks)]
    for row, (threshold, kept) in zip(masks, ranks):
        _keep_last(weights, row, threshold, kept)
    return [[mask.view(weight.shape) for mask, weight in zip(row, weights)] for row in masks]


def _ranks(weights, counts):
    """For each count, the magnitude up to which that many entries are pruned, as an integer.

    Beside it, how many entries of just this magnitude are kept. Where nothing is pruned, -1 and 0.
    """
    dtype = weights[0].dtype
    shift = 8 * dtype.itemsize - 16
    parts = lambda: (part for weight in weights for _, part in _parts(weight))
    leading = lambda part: _short(part >> shift)
    histogram = torch.zeros(_BINS, dtype=torch.int64, device=weights[0].device)
    for part in parts():
        histogram += torch.bincount(torch.as_tensor(leading(part)), minlength=_BINS)
    histogram = histogram.cpu()
    infinity = torch.tensor([math.inf], dtype=dtype).view(_INTEGERS[dtype.itemsize])
    if histogram[int(infinity) >> shift :].any():
        raise ValueError(
            "the weight holds NaN or infinite entries, so its magnitudes have no order; "
            "did training diverge?"
        )
    up_to = histogram.cumsum(0)
    bins = torch.searchsorted(up_to, torch.tensor(counts)).tolist()
    wanted = sorted({place for place, count in zip(bins, counts) if count})
    found = [_among(part, leading(part), wanted) for part in parts() if wanted]
    ordered = np.sort(np.concatenate([np.asarray(torch.as_tensor(f).cpu()) for f in found] or [[]]))
    ranks = []
    for count, place in zip(counts, bins):
        if not count:
            ranks.append((-1, 0))
            continue
        before = sum(int(histogram[other]) for other in wanted if other < place)
        rank = before + count - int(up_to[place] - histogram[place])
        threshold = ordered[rank - 1]
        kept = np.searchsorted(ordered, threshold, side="right") - rank
        ranks.append((int(threshold), int(kept)))
    return ranks


def _parts(weight: Tensor) -> Iterator[tuple[int, np.ndarray | Tensor]]:
    """The magnitudes of a weight as integers, some at a time, each with the place it starts at.

    On a CPU they are numpy's, whose comparisons are several times faster than torch's.
    """
    integers = weight.flatten().view(_INTEGERS[weight.element_size()])
    highest = torch.iinfo(integers.dtype).max
    length = _PART.get(weight.device.type, _PART_ON_GPU)
    for start in range(0, len(integers), length):
        yield start, _array(integers[start : start + length]) & highest


def _empty(rows, weight):
    # one block, of numpy on a CPU: large ones come in large pages, which takes a fifth of the time
    if weight.device.type == "cpu":
        return np.empty((rows, weight.numel()), dtype=bool)
    return torch.empty((rows, weight.numel()), dtype=torch.bool, device=weight.device)


def _array(tensor):
    return tensor.numpy() if tensor.device.type == "cpu" else tensor


def _short(numbers):
    return numbers.astype(np.int16) if isinstance(numbers, np.ndarray) else numbers.short()


def _among(part, leading, wanted):
    """The magnitudes whose leading bits are wanted."""
    chosen = leading == wanted[0]
    for bits in wanted[1:]:
        chosen |= leading == bits
    # by places numpy takes them twice as fast as by a mask
    return part[np.flatnonzero(chosen) if isinstance(chosen, np.ndarray) else chosen]


def _keep_last(weights, masks, threshold, count):
    """Keep the last `count` of the entries that are at the threshold."""
    for weight, mask in zip(reversed(weights), reversed(masks)):
        if not count:
            return
        at = [
            start + torch.as_tensor(part == threshold).nonzero().flatten()
            for start, part in _parts(weight)
        ]
        last = torch.cat(at)[-count:] if at else torch.tensor([], dtype=torch.long)
        mask[last] = True
        count -= len(last)


def random_mask(
    weight: Tensor, sparsity: float, generator: torch.Generator | None = None
) -> Tensor:
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

    Raises
    ------
    ValueError
        If the sparsity is outside [0, 1).
    """
    count = round(weight.numel() * check_sparsity(sparsity))
    kept = torch.ones(weight.numel(), dtype=torch.bool)
    kept[torch.randperm(weight.numel(), generator=generator)[:count]] = False
    return kept.view(weight.shape).to(weight.device)


def unwrapped(model: nn.Module) -> nn.Module:
    """A model without what torch wraps around it for several devices or for compiling."""
    while True:
        inside = getattr(model, "_orig_mod", None)  # of torch.compile
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inside = model.module
        if inside is None:
            return model
        model = inside


def encoder_of(model: nn.Module) -> nn.Module:
    """The encoder inside a model: of a model with a task head, of a wrapped one, of a module of
    one's own that holds a Hugging Face model. Else the model itself.

    Raises
    ------
    ValueError
        If a module of one's own holds several Hugging Face models side by side.
    """
    model = unwrapped(model)
    if not _from_transformers(model):
        inside = [(name, m) for name, m in model.named_modules() if _from_transformers(m)]
        outer = [
            name
            for name, _ in inside
            if not any(name.startswith(f"{other}.") for other, _ in inside if other != name)
        ]
        if len(outer) > 1:
            raise ValueError(
                f"{type(model).__name__} holds several encoders: {', '.join(outer)}. "
                "Pass one of them instead of the whole."
            )
        if not inside:
            return model
        model = dict(inside)[outer[0]]
    return getattr(model, model.base_model_prefix or "", model)


def _from_transformers(module):
    return hasattr(module, "base_model_prefix") and hasattr(module, "get_input_embeddings")


class UnsupportedFamily(ValueError):
    """A model of a family whose prunable matrices the course does not know."""


def check_family(config: "PreTrainedConfig", name: str | None = None) -> None:
    """Raise an `UnsupportedFamily` if a transformers configuration is not of one of `FAMILIES`.

    Parameters
    ----------
    config : transformers.PreTrainedConfig
    name : str, optional
        What to call the model in the error.
    """
    kind = getattr(config, "model_type", None)
    if kind not in FAMILIES:
        what = "an encoder-decoder" if getattr(config, "is_encoder_decoder", False) else "a model"
        raise UnsupportedFamily(
            f"{name or 'the model'} is {what} of type {kind!r}, which this course cannot prune: it "
            "knows which matrices to prune, and the MLM head, of the encoders "
            f"{', '.join(FAMILIES.values())}. Choose a checkpoint of one of these, such as "
            "google-bert/bert-base-uncased. For another encoder, see what "
            "helpers.pruning.prunable_parameters would find, then add its type to "
            "helpers.pruning.FAMILIES."
        )


def prunable_parameters(model: nn.Module) -> "OrderedDict[str, nn.Parameter]":
    """The weight matrices that are pruned: the encoder's linear layers and the word embeddings.

    In ELECTRA, MobileBERT and ALBERT these include the layers between embeddings and encoder and
    MobileBERT's bottlenecks. ALBERT's layers share their matrices, so each is there once.

    Parameters
    ----------
    model : torch.nn.Module
        A Hugging Face model of one of `FAMILIES`, with or without a task head, also wrapped or
        inside a module of one's own; or any other module with linear layers.

    Returns
    -------
    collections.OrderedDict
        Name → parameter, with names relative to the encoder, so that masks made on
        `BertForMaskedLM` fit `BertForSequenceClassification`. 74 entries for BERT-base with its
        pooler (Sec. 3.1, Table 3). Biases, LayerNorm, position and type embeddings and task heads
        are not among them.

    Raises
    ------
    ValueError
        If the model has no such matrix, is a Hugging Face model of another family, or holds a
        matrix that is computed anew in each forward pass, as `torch.nn.utils.prune` leaves it.

    Examples
    --------
    >>> list(prunable_parameters(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))))
    ['0.weight', '2.weight']
    """
    encoder = encoder_of(model)
    if hasattr(getattr(encoder, "config", None), "model_type"):
        check_family(encoder.config, type(unwrapped(model)).__name__)
    modules = dict(encoder.named_modules())
    matrices = {name: m for name, m in modules.items() if isinstance(m, nn.Linear)}
    if hasattr(encoder, "get_input_embeddings"):
        words = encoder.get_input_embeddings()
        matrices = {name: m for name, m in modules.items() if m is words} | matrices
    if not matrices:
        raise ValueError(
            f"{type(model).__name__} has no prunable matrices: its encoder holds no "
            "torch.nn.Linear and no word embeddings. Pass a BERT-like model, for example "
            "transformers.BertModel."
        )
    for name, module in matrices.items():
        if "weight" not in module._parameters:
            raise ValueError(
                f"the weight of {name or type(module).__name__} is no parameter: it is computed "
                "anew in each forward pass, as torch.nn.utils.prune and parametrizations do. Make "
                "it an ordinary one first, with torch.nn.utils.prune.remove(module, 'weight') or "
                "torch.nn.utils.parametrize.remove_parametrizations(module, 'weight')."
            )
    return OrderedDict(
        (f"{name}.weight" if name else "weight", module.weight) for name, module in matrices.items()
    )


def magnitude_masks(model: nn.Module, sparsity: float, scope: str = "matrix") -> dict[str, Tensor]:
    """Magnitude masks for all prunable matrices of a model.

    Parameters
    ----------
    model : torch.nn.Module
    sparsity : float
        In [0, 1).
    scope : {"matrix", "global"}
        One threshold for each matrix, as in the paper (Sec. 2.1, footnote 5), or one for all
        together.

    Returns
    -------
    dict of str to torch.Tensor
        Bool masks of the matrices' shapes, True = kept.
    """
    return masks_for(prunable_parameters(model), sparsity, scope)


def masks_for(
    weights: Mapping[str, Tensor], sparsity: float, scope: str = "matrix"
) -> dict[str, Tensor]:
    """As `magnitude_masks`, for a dict of tensors.

    Parameters
    ----------
    weights : dict of str to torch.Tensor
    sparsity : float
        In [0, 1).
    scope : {"matrix", "global"}

    Returns
    -------
    dict of str to torch.Tensor
        Bool masks of the tensors' shapes, True = kept.
    """
    return magnitude_masks_at(weights, [sparsity], scope)[0]


def random_masks(
    model: nn.Module, sparsity: float, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Random masks for all prunable matrices of a model.

    Parameters
    ----------
    model : torch.nn.Module
    sparsity : float
        In [0, 1).
    generator : torch.Generator, optional
        A CPU generator; makes the choice repeatable.

    Returns
    -------
    dict of str to torch.Tensor
        Bool masks of the matrices' shapes, True = kept.
    """
    return {
        name: random_mask(weight, sparsity, generator)
        for name, weight in prunable_parameters(model).items()
    }


def check_masks(weights: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
    """Raise a ValueError that says how `masks` fail to fit the matrices in `weights`."""
    unknown = [name for name in masks if name not in weights]
    if unknown:
        raise ValueError(
            f"masks for {unknown[:3]} fit no prunable matrix of this model; it has "
            f"{list(weights)[:3]} … ({len(weights)} in all). Make the masks on a model of the same "
            "architecture."
        )
    for name, mask in masks.items():
        if mask.shape != weights[name].shape:
            raise ValueError(
                f"the mask for {name} has shape {tuple(mask.shape)}, the weight "
                f"{tuple(weights[name].shape)}. Make the masks on a model of the same size and "
                "vocabulary."
            )
    _check_bool(masks)


def _check_bool(masks):
    for name, mask in masks.items():
        if mask.dtype != torch.bool:
            raise ValueError(
                f"the mask for {name} is {mask.dtype}; masks are bool, True = kept. "
                "Convert it with mask.bool()."
            )


@torch.no_grad()
def apply_masks(model: nn.Module, masks: Mapping[str, Tensor]) -> nn.Module:
    """Set the pruned entries of a model to zero, in place.

    Matrices without a mask stay as they are. What is tied to a masked matrix (the MLM output layer
    shares the word embeddings) sees the zeros too.

    Parameters
    ----------
    model : torch.nn.Module
    masks : dict of str to torch.Tensor
        Bool, with the names and shapes of `prunable_parameters`.

    Returns
    -------
    torch.nn.Module
        The same model.

    Raises
    ------
    ValueError
        If the masks do not fit the model, which is then left as it was.
    """
    weights = prunable_parameters(model)
    check_masks(weights, masks)
    for name, mask in masks.items():
        weights[name].mul_(mask.to(weights[name].device))
    return model


def sparsity_report(model: nn.Module) -> pd.DataFrame:
    """How many entries of each prunable matrix are zero.

    Returns
    -------
    pandas.DataFrame
        A row a matrix, indexed by name, with columns ``entries``, ``zeros`` and ``sparsity`` (a
        fraction), and a last row ``total``.
    """
    rows = {
        name: (w.numel(), int((w == 0).sum())) for name, w in prunable_parameters(model).items()
    }
    report = pd.DataFrame.from_dict(rows, orient="index", columns=["entries", "zeros"])
    report.loc["total"] = report.sum()
    report["sparsity"] = report["zeros"] / report["entries"]
    return report.rename_axis("matrix")


def mask_difference(a: Mapping[str, Tensor] | Tensor, b: Mapping[str, Tensor] | Tensor) -> float:
    """The fraction of entries in which two sets of masks differ, over all matrices together.

    A share of all weights, not of the pruned ones, as in Sec. 5 and Fig. 3. Two independent masks
    of sparsity s differ in 2s(1-s) of their entries.

    Parameters
    ----------
    a, b : dict of str to torch.Tensor, or torch.Tensor
        Bool, of the same names and shapes.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the masks are for different matrices or not bool.

    Examples
    --------
    >>> mask_difference(torch.tensor([True, False, True]), torch.tensor([True, True, True]))
    0.3333333333333333
    """
    a, b = ({"": m} if isinstance(m, Tensor) else m for m in (a, b))
    if a.keys() != b.keys():
        raise ValueError(
            f"the masks are for different matrices: {sorted(a.keys() ^ b.keys())[:4]} stand in "
            "one only"
        )
    check_masks(a, b)
    return sum(int((a[name] != b[name]).sum()) for name in a) / sum(
        mask.numel() for mask in a.values()
    )


def save_masks(masks: Mapping[str, Tensor], path: str | Path) -> None:
    """Write bool masks to a safetensors file, one bit an entry, with a checksum."""
    _check_bool(masks)
    packed = {
        name: torch.from_numpy(np.packbits(mask.cpu().numpy())) for name, mask in masks.items()
    }
    shapes = {name: ",".join(map(str, mask.shape)) for name, mask in masks.items()}
    save_file(packed, path, metadata=shapes | {_CHECKSUM: _checksum(packed, shapes)})


_CHECKSUM = "checksum"  # beside the shapes; no matrix is called so


def _checksum(packed, shapes):
    checksum = hashlib.sha256()
    for name in sorted(packed):
        checksum.update(f"{name} {shapes[name]}\n".encode())
        checksum.update(packed[name].numpy().tobytes())
    return checksum.hexdigest()


def load_masks(path: str | Path) -> dict[str, Tensor]:
    """Read masks that `save_masks` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If the file holds no masks, or was damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no masks at {path}; write them with helpers.pruning.save_masks")
    try:
        with safe_open(path, framework="pt") as file:
            shapes = file.metadata()
        packed = load_file(path)
        # files of earlier versions have no checksum
        if shapes.get(_CHECKSUM, checksum := _checksum(packed, shapes)) != checksum:
            raise ValueError("the checksum is not that of the masks")
        return {name: _unpacked(packed[name], shapes[name]) for name in packed}
    except Exception as error:  # safetensors has errors of its own
        why = f"{type(error).__name__}: {error}"
        raise OSError(f"{path} holds no masks, or was damaged ({why}); write it anew") from error


def _unpacked(packed, shape):
    shape = [int(n) for n in shape.split(",")] if shape else []
    bits = np.unpackbits(packed.numpy(), count=math.prod(shape)).astype(bool)
    return torch.from_numpy(bits).view(shape)


def cubic_sparsity(step: int, *, begin: int, end: int, initial: float = 0.0, final: float) -> float:
    """Sparsity at a training step.

    From `initial` at step `begin` it rises to `final` at step `end`, fast at first, when there are
    many weights to choose from, and slowly towards the end:
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

    Raises
    ------
    ValueError
        If a sparsity is outside [0, 1) or the ramp ends before it begins.

    Examples
    --------
    >>> [round(cubic_sparsity(step, begin=0, end=10, final=0.9), 3) for step in (0, 5, 10, 99)]
    [0.0, 0.787, 0.9, 0.9]

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

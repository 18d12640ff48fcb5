"""How many bytes a pruned model needs: formats for its matrices, files, and a formula for each.

The prunable matrices are written in a format, all other tensors as they are. ``dense``, ``csr``,
``bitmask`` and ``zstd`` give the model back bit for bit; ``half`` and ``int8`` round its weights.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import zstandard
from numpy.typing import ArrayLike
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from ..pruning import magnitude_mask, prunable_parameters

EXACT = ("dense", "csr", "bitmask", "zstd")
FORMATS = (*EXACT, "half", "int8")
# to calculate with, which needs no weights; the vocabulary is that of BERT, uncased
SHAPES = {
    "BERT-tiny": dict(
        hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512
    ),
    "MiniLM-L6": dict(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    ),
    "BERT-base": dict(
        hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072
    ),
}
VOCABULARY = 30_522
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def check_format(form: str) -> str:
    """Return `form`, or raise a ValueError that lists the valid ones."""
    if form not in FORMATS:
        raise ValueError(f"unknown format {form!r}; choose one of {', '.join(FORMATS)}")
    return form


def check_shape(shape: str) -> dict[str, int]:
    """The sizes of a shape, or a ValueError that lists the valid ones."""
    if shape not in SHAPES:
        raise ValueError(f"unknown shape {shape!r}; choose one of {', '.join(SHAPES)}")
    return SHAPES[shape]


def encode(weight: torch.Tensor, form: str) -> dict[str, torch.Tensor]:
    """A matrix as the tensors that are written to the file.

    An entry counts as pruned if all its bits are 0. Minus zero has a bit set and is kept as a
    value, so that the way back is exact: see `positive_zeros`.

    Parameters
    ----------
    weight : torch.Tensor
        Floating point, two-dimensional.
    form : {"dense", "csr", "bitmask", "zstd", "half", "int8"}

    Returns
    -------
    dict of str to torch.Tensor
    """
    check_format(form)
    weight = weight.detach().cpu().contiguous()
    kept = weight.view(_BITS[weight.element_size()]) != 0
    if form == "dense":
        return {"values": weight.clone()}
    if form == "csr":
        ends = torch.cat([torch.zeros(1, dtype=torch.int64), kept.sum(1).cumsum(0)])
        return {
            "values": weight[kept],
            "columns": torch.arange(weight.shape[1], dtype=torch.int32).expand_as(kept)[kept],
            "ends": ends.int(),
        }
    if form == "bitmask":
        return {"values": weight[kept], "mask": torch.from_numpy(np.packbits(kept.numpy()))}
    if form == "zstd":
        packed = zstandard.ZstdCompressor().compress(weight.view(torch.uint8).numpy().tobytes())
        return {"bytes": torch.frombuffer(bytearray(packed), dtype=torch.uint8)}
    if form == "half":
        return {"values": weight.half()}
    tiny = torch.finfo(torch.float32).tiny  # an all-zero row must not divide by 0
    scale = (weight.float().abs().amax(1) / 127).clamp(min=tiny)
    return {"values": (weight.float() / scale[:, None]).round().to(torch.int8), "scale": scale}


def decode(
    parts: Mapping[str, torch.Tensor],
    form: str,
    shape: tuple[int, ...],
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """The matrix that `encode` wrote; bit for bit, if the format is one of `EXACT`.

    Parameters
    ----------
    parts : dict of str to torch.Tensor
    form : str
        One of `FORMATS`.
    shape : tuple of int
    dtype : torch.dtype
        That the matrix had.

    Returns
    -------
    torch.Tensor
    """
    check_format(form)
    if form == "dense":
        return parts["values"].view(shape)
    if form == "half":
        return parts["values"].to(dtype)
    if form == "int8":
        return (parts["values"].float() * parts["scale"][:, None]).to(dtype)
    if form == "zstd":
        raw = bytearray(zstandard.ZstdDecompressor().decompress(parts["bytes"].numpy().tobytes()))
        if not raw:  # frombuffer refuses an empty buffer
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(raw, dtype=dtype).view(shape)
    weight = torch.zeros(shape, dtype=dtype)
    if form == "csr":
        rows = torch.repeat_interleave(torch.arange(shape[0]), parts["ends"].diff().long())
        weight[rows, parts["columns"].long()] = parts["values"]
    else:
        kept = np.unpackbits(parts["mask"].numpy(), count=math.prod(shape)).astype(bool)
        weight.view(-1)[torch.from_numpy(kept)] = parts["values"]
    return weight


@torch.no_grad()
def positive_zeros(model: nn.Module) -> nn.Module:
    """Turn each −0.0 of a model into 0.0, in place.

    Mask × weight leaves −0.0 where the weight was negative: in half of all pruned entries. No
    result changes, but a format that looks at bits would store a value there.
    """
    for weight in prunable_parameters(model).values():
        weight.add_(0.0)
    return model


def save(model: nn.Module, path: str | os.PathLike, form: str) -> int:
    """Write a model's state to one safetensors file, its prunable matrices in a format.

    Tensors that are tied (the MLM output layer and the word embeddings) are written once.

    Parameters
    ----------
    model : torch.nn.Module
    path : str or path
    form : str
        One of `FORMATS`.

    Returns
    -------
    int
        Bytes of the file.
    """
    check_format(form)
    prunable = {weight.data_ptr() for weight in prunable_parameters(model).values()}
    tensors, shapes, first, tied = {}, {}, {}, {}
    for name, value in model.state_dict().items():
        place = (value.data_ptr(), tuple(value.shape))
        if value.numel() and place in first:
            tied[name] = first[place]
            continue
        first[place] = name
        if value.data_ptr() in prunable and value.dim() == 2:
            shapes[name] = [list(value.shape), str(value.dtype).removeprefix("torch.")]
            tensors |= {f"{name}:{part}": tensor for part, tensor in encode(value, form).items()}
        else:
            tensors[name] = value.detach().cpu().clone().contiguous()
    save_file(
        tensors,
        path,
        metadata={"format": form, "shapes": json.dumps(shapes), "tied": json.dumps(tied)},
    )
    return Path(path).stat().st_size


def load(path: str | os.PathLike) -> dict[str, torch.Tensor]:
    """The state that `save` wrote, for ``model.load_state_dict(load(path))``.

    Returns
    -------
    dict of str to torch.Tensor

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it was written by something else.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file at {path}; write one with helpers.cost.storage.save")
    with safe_open(path, framework="pt") as file:
        note = file.metadata() or {}
        if "shapes" not in note:
            raise ValueError(
                f"{path} was not written by helpers.cost.storage.save; load an ordinary checkpoint "
                "with from_pretrained"
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    shapes, state = json.loads(note["shapes"]), {}
    for name, value in tensors.items():
        matrix, _, part = name.rpartition(":")
        if matrix in shapes:
            state.setdefault(matrix, {})[part] = value
        else:
            state[name] = value
    for name, (shape, dtype) in shapes.items():
        state[name] = decode(state[name], note["format"], tuple(shape), getattr(torch, dtype))
    return state | {name: state[other] for name, other in json.loads(note["tied"]).items()}


def cost(form: str, columns: int) -> tuple[float, float]:
    """Bytes that a format needs for every entry, and for every kept one on top.

    The weights are those of 4 bytes.

    Parameters
    ----------
    form : str
        One of `FORMATS` but "zstd", whose size depends on the values.
    columns : int
        Of the matrix: each row has an end (CSR) or a scale (int8), 4 bytes.

    Returns
    -------
    tuple of float
        A matrix of sparsity s takes ``entries * (first + second * (1 - s))`` bytes.
    """
    check_format(form)
    if form == "zstd":
        raise ValueError(
            "what zstd makes of a matrix depends on its values; measure it with "
            "helpers.cost.storage.encode"
        )
    return {
        "dense": (4, 0),
        "csr": (4 / columns, 8),
        "bitmask": (1 / 8, 4),
        "half": (2, 0),
        "int8": (1 + 4 / columns, 0),
    }[form]


def break_even(form: str, columns: int, against: str = "dense") -> float:
    """The sparsity from which on a format needs fewer bytes than another, by `cost`.

    Parameters
    ----------
    form, against : str
        Two of `FORMATS` but "zstd".
    columns : int
        Of the matrix.

    Returns
    -------
    float
        0 if it always does, NaN if it never does below 100%.
    """
    (entry, kept), (other_entry, other_kept) = cost(form, columns), cost(against, columns)
    if kept <= other_kept:
        # ahead at 0% and at 100%, so in between
        ahead = entry <= other_entry and (entry, kept) != (other_entry, other_kept)
        return 0.0 if ahead else float("nan")
    sparsity = 1 - (other_entry - entry) / (kept - other_kept)
    return max(sparsity, 0.0) if sparsity < 1 else float("nan")


def crossing(sparsities: ArrayLike, ratios: ArrayLike) -> float:
    """The sparsity at which measured sizes fall below 1, or NaN if they never do.

    Between the measured points the line is straight.

    Parameters
    ----------
    sparsities, ratios : sequence of float
        Ratios of a format's size to another's, at increasing sparsities.

    Returns
    -------
    float
    """
    at, sizes = np.asarray(sparsities, float), np.asarray(ratios, float)
    below = np.flatnonzero(sizes < 1)
    if not len(below) or below[0] == 0:
        return 0.0 if len(below) else float("nan")
    i = below[0]
    return float(np.interp(1, sizes[[i, i - 1]], at[[i, i - 1]]))


def matrices_of(
    hidden_size: int,
    num_hidden_layers: int,
    intermediate_size: int,
    vocab_size: int = VOCABULARY,
    **_,
) -> dict[tuple[int, int], int]:
    """Shapes of a BERT's prunable matrices, and how many there are of each.

    Parameters
    ----------
    hidden_size, num_hidden_layers, intermediate_size, vocab_size : int
        As in a `transformers.BertConfig`; its other fields are ignored.

    Returns
    -------
    dict of tuple to int
        74 matrices for BERT-base.
    """
    h, layers, f = hidden_size, num_hidden_layers, intermediate_size
    sizes = [(vocab_size, h)] + [(h, h)] * (4 * layers + 1) + [(f, h), (h, f)] * layers
    return dict(Counter(sizes))


def shape_sizes(
    shape: str, sparsities: Sequence[float], forms: Sequence[str] = FORMATS, seed: int = 0
) -> pd.DataFrame:
    """Measured bytes of all prunable matrices of a shape, with random normal weights.

    One matrix of each size is drawn, pruned by magnitude and encoded, and counted as often as it
    occurs, so that BERT-base needs the memory of its largest matrix only.

    Parameters
    ----------
    shape : str
        One of `SHAPES`.
    sparsities : sequence of float
        Each in [0, 1).
    forms : sequence of str
        Of `FORMATS`.
    seed : int
        Of the weights.

    Returns
    -------
    pandas.DataFrame
        Columns ``model``, ``format``, ``sparsity``, ``bytes``.
    """
    sizes = matrices_of(**check_shape(shape))
    sparsities, forms = list(dict.fromkeys(sparsities)), list(dict.fromkeys(forms))  # each once
    total = dict.fromkeys([(form, s) for form in forms for s in sparsities], 0)
    generator = torch.Generator().manual_seed(seed)
    for size, count in sizes.items():
        # the spread of BERT's matrices, paper Table 3
        weight = torch.empty(size).normal_(0, 0.04, generator=generator)
        for s in sparsities:
            pruned = torch.where(magnitude_mask(weight, s), weight, 0.0)
            for form in forms:
                total[form, s] += count * sum(part.nbytes for part in encode(pruned, form).values())
    return pd.DataFrame(
        [(shape, form, s, value) for (form, s), value in total.items()],
        columns=["model", "format", "sparsity", "bytes"],
    )

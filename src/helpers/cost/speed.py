"""How long inference takes: one pruned model, several engines in turns, each checked against dense.

An engine is a function that takes a model and returns a callable: token ids of shape
(sentences, tokens) in, last hidden states out.
"""

import contextlib
import copy
import importlib.metadata
import importlib.util
import time
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn
from transformers import BertConfig, BertModel, set_seed

from ..pruning import encoder_of, magnitude_mask, prunable_parameters
from ..structure import layer_matrices, shrink, structured_masks
from ..training import quiet
from .storage import check_shape

Engine = Callable[[torch.Tensor], torch.Tensor]


class SparseLinear(nn.Module):
    """A linear layer whose weight is stored and multiplied as CSR.

    The sparse routines are PyTorch's; on a CPU, MKL's.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight = (linear.weight.detach() + 0.0).to_sparse_csr()
        # int32 takes half the index bytes of int64
        ends, columns = weight.crow_indices().int(), weight.col_indices().int()
        self.weight = torch.sparse_csr_tensor(ends, columns, weight.values(), weight.shape)
        self.bias = linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        product = (self.weight @ x.flatten(0, -2).T).T.unflatten(0, x.shape[:-1])
        return product if self.bias is None else product + self.bias


def _replace(model: nn.Module, make: Callable[[nn.Linear], nn.Module]) -> nn.Module:
    """A copy of a model in which `make` has replaced each linear layer."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, make(child))
    return model


@contextlib.contextmanager
def _beta():
    """No notes of PyTorch on what is in beta or about to move: the docstrings here say it."""
    with warnings.catch_warnings():
        for message in (
            ".*Sparse CSR tensor support.*",
            ".*Sparse invariant checks.*",
            ".*quantize_per_tensor.*",
            ".*torch.ao.quantization.*",
        ):
            warnings.filterwarnings("ignore", message=message)
        yield


def _runs(model):
    model.eval()  # dropout would be timed, and taken for a difference
    return lambda ids: encoder_of(model)(ids).last_hidden_state


def dense(model: nn.Module) -> Engine:
    """The model as it is: zeros are multiplied like any number."""
    return _runs(model)


def csr(model: nn.Module) -> Engine:
    """Linear layers as CSR, with `torch.sparse`."""
    with _beta():
        return _runs(_replace(model, SparseLinear))


def int8(model: nn.Module) -> Engine:
    """Linear layers in 8 bits, activations quantised as they come (PyTorch's dynamic quantisation).

    `torch.ao.quantization` is announced to move to the package torchao. On the CPU that the shipped
    figures come from, torchao's own int8 was the slower of the two (engine ``torchao int8``).
    """
    with _beta():
        return _runs(
            torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {nn.Linear}, torch.qint8)
        )


def torchao_int8(model: nn.Module) -> Engine:
    """The same by the package torchao."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    model = copy.deepcopy(model)
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return _runs(model)


def openvino(model: nn.Module, sparse: bool = True) -> Engine:
    """OpenVINO, with its decompression of sparse weights from 30% sparsity on.

    It has that for some CPUs only.
    """
    import openvino as ov

    encoder = encoder_of(model).eval()
    with quiet():
        converted = ov.convert_model(encoder, example_input=torch.zeros(1, 8, dtype=torch.long))
    options = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(
        converted,
        "CPU",
        options | ({"CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE": 0.3} if sparse else {}),
    )
    return lambda ids: torch.from_numpy(compiled(ids.numpy())[0])


def two_of_four_mask(weight: torch.Tensor) -> torch.Tensor:
    """Mask that keeps the two largest of every four neighbours in a row.

    The sparse units of a GPU need this pattern.

    Parameters
    ----------
    weight : torch.Tensor
        Two-dimensional, the number of columns divisible by 4.

    Returns
    -------
    torch.Tensor
        bool, of the same shape.

    Raises
    ------
    ValueError
        If the number of columns is not divisible by 4.
    """
    if weight.shape[1] % 4:
        raise ValueError(f"2:4 needs a number of columns divisible by 4, got {weight.shape[1]}")
    groups = weight.detach().abs().view(-1, 4)
    kept = torch.zeros_like(groups, dtype=torch.bool).scatter_(
        1, groups.topk(2, dim=1).indices, True
    )
    return kept.view(weight.shape)


def two_of_four(model: nn.Module) -> Engine:
    """Linear layers in the 2:4 pattern on a GPU, in half precision.

    PyTorch calls it semi-structured sparsity.

    Raises
    ------
    RuntimeError
        Without an NVIDIA GPU of compute capability 8.0 or higher.
    """
    if not gpu_has_sparse_units():
        raise RuntimeError(
            "2:4 sparsity needs an NVIDIA GPU of compute capability 8.0 or higher, and a PyTorch "
            "built for it"
        )
    model = copy.deepcopy(model).half().cuda().eval()
    for module in encoder_of(model).encoder.modules():
        if isinstance(module, nn.Linear):
            weight = module.weight.detach() * two_of_four_mask(module.weight)
            module.weight = nn.Parameter(
                torch.sparse.to_sparse_semi_structured(weight), requires_grad=False
            )
    return lambda ids: encoder_of(model)(ids.cuda()).last_hidden_state


def half_on_gpu(model: nn.Module) -> Engine:
    """The dense model on a GPU in half precision: what `two_of_four` is to be compared with."""
    model = copy.deepcopy(model).half().cuda().eval()
    return lambda ids: encoder_of(model)(ids.cuda()).last_hidden_state


def gpu_has_sparse_units() -> bool:
    """Whether there is a GPU that computes faster with the 2:4 pattern."""
    return (
        torch.cuda.is_available()
        and torch.version.cuda is not None
        and torch.cuda.get_device_capability() >= (8, 0)
    )


ENGINES = {"dense": dense, "CSR": csr, "int8": int8}
OPTIONAL = {
    "OpenVINO": ("openvino", lambda model: openvino(model, sparse=False)),
    "OpenVINO, sparse weights": ("openvino", openvino),
    "torchao int8": ("torchao", torchao_int8),
}


def engines() -> dict[str, Callable[[nn.Module], Engine]]:
    """The engines of this machine: `ENGINES`, and of `OPTIONAL` those that are installed."""
    return ENGINES | {
        name: make
        for name, (package, make) in OPTIONAL.items()
        if importlib.util.find_spec(package)
    }


def pruned_model(shape: str, sparsity: float, seed: int = 0) -> BertModel:
    """A BERT encoder with random weights, pruned by magnitude.

    How long a multiplication takes does not depend on what the weights say.

    Parameters
    ----------
    shape : str
        One of `helpers.cost.storage.SHAPES`.
    sparsity : float
        In [0, 1).
    seed : int

    Returns
    -------
    transformers.BertModel
        In evaluation mode.

    Raises
    ------
    ValueError
        If there is no such shape.
    """
    config = BertConfig(**check_shape(shape))
    set_seed(seed)
    model = BertModel(config).eval()
    with torch.no_grad():
        for weight in prunable_parameters(model).values():
            weight.copy_(torch.where(magnitude_mask(weight, sparsity), weight, 0.0))
    return model


def smaller(model: nn.Module, sparsity: float) -> nn.Module:
    """The model with that share of each layer's heads and neurons cut out.

    It has as many weights as a model pruned to that sparsity, and all of them are dense.
    """
    return shrink(model, structured_masks(model, sparsity))


@torch.no_grad()
def in_turns(calls: Mapping[str, Engine], ids: torch.Tensor, repeats: int = 9) -> pd.DataFrame:
    """Time callables in turns, so that a disturbance of the machine hits all of them alike.

    Each turn calls twice and times the second: the first finds the caches, and perhaps the cores,
    still busy with the engine before it.

    Parameters
    ----------
    calls : dict of str to callable
        The first is the one that the others are compared with.
    ids : torch.Tensor
        Token ids, int64, (sentences, tokens).
    repeats : int
        Timed rounds.

    Returns
    -------
    pandas.DataFrame
        Columns ``engine``, ``batch``, ``ms`` (median), ``low``, ``high`` (quartiles),
        ``difference`` (the largest absolute difference from the first one's output) and
        ``repeats``.
    """
    times, outputs = {name: [] for name in calls}, {}
    for _ in range(repeats):
        for name, call in calls.items():
            outputs[name] = call(ids).float().cpu()
            began = time.perf_counter()
            if call(ids).is_cuda:
                torch.cuda.synchronize()
            times[name].append(1000 * (time.perf_counter() - began))
    wanted = next(iter(outputs.values()))
    rows = []
    for name, values in times.items():
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        difference = float((outputs[name] - wanted).abs().max())
        rows.append((name, len(ids), middle, low, high, difference, repeats))
    return pd.DataFrame(
        rows, columns=["engine", "batch", "ms", "low", "high", "difference", "repeats"]
    )


def engine_times(
    shape: str,
    sparsities: Sequence[float],
    batches: Sequence[int] = (1, 32),
    tokens: int = 32,
    repeats: int = 9,
    which: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Times of all engines, and of physically smaller models, on one shape.

    Parameters
    ----------
    shape : str
        One of `helpers.cost.storage.SHAPES`.
    sparsities : sequence of float
        Each in [0, 1).
    batches : sequence of int
        Sentences at once.
    tokens : int
        Of each sentence.
    repeats : int
        Timed rounds.
    which : sequence of str, optional
        Of `engines`; default all.

    Returns
    -------
    pandas.DataFrame
        As `in_turns`, with ``model`` and ``sparsity`` in front. The engine "smaller" has heads and
        neurons cut out; it computes another function, so its difference is NaN.
    """
    rows, generator = [], torch.Generator().manual_seed(0)
    known = engines()
    unknown = [name for name in which or () if name not in known]
    if unknown:
        raise ValueError(f"no engine {unknown[0]!r} here; choose from {', '.join(known)}")
    chosen = {name: make for name, make in known.items() if which is None or name in which}
    for sparsity in sparsities:
        model = pruned_model(shape, sparsity)
        calls = {name: make(model) for name, make in chosen.items()}
        calls["smaller"] = dense(smaller(model, sparsity))
        for batch in batches:
            ids = torch.randint(model.config.vocab_size, (batch, tokens), generator=generator)
            table = in_turns(calls, ids, repeats)
            table.loc[table.engine == "smaller", "difference"] = np.nan
            rows.append(table.assign(model=shape, sparsity=sparsity))
        del model, calls  # else these stay in memory while the next ones are built
    table = pd.concat(rows, ignore_index=True)
    return table[["model", "sparsity", *table.columns.drop(["model", "sparsity"])]]


def _best(call, repeats=7):
    call()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def roofs() -> dict[str, float]:
    """The two roofs of this machine, measured: arithmetic and memory.

    Returns
    -------
    dict
        ``gflops``, 10⁹ multiplications and additions a second, in a product of two 1,024 × 1,024
        matrices; and ``gbytes``, 10⁹ bytes a second, read in summing 200 MB.
    """
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    long = torch.ones(50_000_000)
    return {
        "gflops": 2 * 1024**3 / _best(lambda: a @ b) / 1e9,
        "gbytes": long.nbytes / _best(long.sum) / 1e9,
    }


def products(
    sparsity: float = 0.9,
    shape: tuple[int, int] = (3072, 768),
    tokens: Sequence[int] = (1, 32, 1024),
) -> pd.DataFrame:
    """One matrix times the activations of some tokens, dense and as CSR, for the roofline.

    Parameters
    ----------
    sparsity : float
        Of the matrix, in [0, 1).
    shape : tuple of int
        Of the matrix; default: the first feed-forward matrix of a layer of BERT-base.
    tokens : sequence of int

    Returns
    -------
    pandas.DataFrame
        Columns ``engine``, ``tokens``, ``intensity`` (useful operations a byte that must be moved
        at least once), ``gflops`` (useful operations, 10⁹ a second) and ``ms``. Useful are those
        with weights that are not 0.
    """
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    weight = torch.where(magnitude_mask(weight, sparsity), weight, 0.0)
    linear = nn.Linear(shape[1], shape[0], bias=False)
    linear.weight = nn.Parameter(weight, requires_grad=False)
    kept = int((weight != 0).sum())
    rows = []
    with torch.no_grad(), _beta():
        sparse = SparseLinear(linear)
        for n in tokens:
            x = torch.randn(n, shape[1])
            for engine, layer, matrix in (
                ("dense", linear, weight.nbytes),
                ("CSR", sparse, 8 * kept + 4 * shape[0]),
            ):
                useful, moved = 2 * kept * n, matrix + 4 * n * sum(shape)
                seconds = _best(lambda layer=layer, x=x: layer(x))
                rows.append((engine, n, useful / moved, useful / seconds / 1e9, 1000 * seconds))
    return pd.DataFrame(rows, columns=["engine", "tokens", "intensity", "gflops", "ms"])


def two_of_four_times(
    shape: str, tokens: int = 32, batches: Sequence[int] = (1, 32, 256), repeats: int = 20
) -> pd.DataFrame:
    """Time a model whose layers have the 2:4 pattern, as it is and by the GPU's sparse units.

    Needs `gpu_has_sparse_units`.

    Parameters
    ----------
    shape : str
        One of `helpers.cost.storage.SHAPES`.
    tokens : int
        In a sentence.
    batches : sequence of int
        Sentences at once.
    repeats : int
        Timed rounds.

    Returns
    -------
    pandas.DataFrame
        As from `in_turns`; engines ``dense, half precision`` and ``2:4, half precision``.
    """
    model = pruned_model(shape, 0.0)
    for weight in layer_matrices(model).values():
        weight.data *= two_of_four_mask(weight)
    calls = {
        "dense, half precision": half_on_gpu(model),
        "2:4, half precision": two_of_four(model),
    }
    rows = [in_turns(calls, torch.randint(30_000, (batch, tokens)), repeats) for batch in batches]
    return pd.concat(rows)

"""Whole heads and neurons: masks that prune them, and the physically smaller model.

A mask leaves a matrix its size, a dense library multiplies by its zeros. What is pruned here are
blocks that can be cut out: an attention head (its rows of query, key and value, its columns of the
attention output) or a neuron of the feed-forward layer (its row in, its column out).
"""

import copy
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .pruning import apply_masks, check_sparsity, encoder_of, magnitude_mask, prunable_parameters


def layer_matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """The prunable matrices inside the layers: what heads and neurons consist of.

    Returns
    -------
    dict of str to torch.nn.Parameter
        Without word embeddings and pooler, which no head or neuron owns.

    Raises
    ------
    ValueError
        If no matrix lies in a layer.
    """
    weights = prunable_parameters(model)
    layer = re.compile(r"\.(layer|albert_layers)\.\d+\.")
    matrices = {name: weight for name, weight in weights.items() if layer.search(f".{name}")}
    if not matrices:
        raise ValueError(
            f"{type(model).__name__} has no layers whose matrices could be told from the rest; it "
            f"has {', '.join(list(weights)[:3])}. Pass a model of one of helpers.pruning.FAMILIES"
        )
    return matrices


def structured_masks(model: nn.Module, sparsity: float) -> dict[str, Tensor]:
    """Masks that prune whole heads and neurons, those of the smallest magnitude.

    In each layer a head's importance is the sum of |w| over its four blocks, as in the authors'
    code, and a neuron's is the sum over its row and its column. The share pruned is the same for
    heads and for neurons.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        BERT-like: its layers have ``attention.self``, ``attention.output``, ``intermediate`` and
        ``output``.
    sparsity : float
        Share of each layer's heads and neurons, in [0, 1); rounded to whole ones, at least one of
        each stays.

    Returns
    -------
    dict of str to torch.Tensor
        For the matrices of `layer_matrices`, True = kept.

    Raises
    ------
    ValueError
        If the model's layers are built otherwise.
    """
    check_sparsity(sparsity)
    weights = layer_matrices(model)
    bottlenecks = any(".bottleneck." in name for name in weights)  # MobileBERT's
    if bottlenecks or not any(name.endswith("attention.self.query.weight") for name in weights):
        raise ValueError(
            f"the layers of {type(model).__name__} are not built like BERT's: they have no "
            "attention.self.query. Heads and neurons can be cut out of BERT, RoBERTa, ELECTRA and "
            "the like."
        )
    size = encoder_of(model).config.hidden_size // encoder_of(model).config.num_attention_heads
    masks = {}
    for prefix in dict.fromkeys(
        name.split(".attention.")[0] for name in weights if ".attention." in name
    ):
        attention = (
            [f"{prefix}.attention.self.{part}.weight" for part in ("query", "key", "value")],
            f"{prefix}.attention.output.dense.weight",
        )
        feed_forward = [f"{prefix}.intermediate.dense.weight"], f"{prefix}.output.dense.weight"
        for (rows, columns), block in ((attention, size), (feed_forward, 1)):
            importance = sum(weights[name].detach().abs().sum(1) for name in rows) + weights[
                columns
            ].detach().abs().sum(0)
            importance = importance.view(-1, block).sum(1)
            count = min(round(len(importance) * sparsity), len(importance) - 1)
            kept = magnitude_mask(importance, count / len(importance)).repeat_interleave(block)
            masks |= {name: kept[:, None].expand_as(weights[name]).clone() for name in rows}
            masks[columns] = kept[None, :].expand_as(weights[columns]).clone()
    return masks


def single_masks(model: nn.Module, sparsity: float) -> dict[str, Tensor]:
    """Magnitude masks for the matrices of `structured_masks`, weight by weight.

    The budget is the same, the structure is missing. `sparsity` is in [0, 1).
    """
    return {
        name: magnitude_mask(weight, sparsity) for name, weight in layer_matrices(model).items()
    }


def shrink(model: nn.Module, masks: Mapping[str, Tensor]) -> nn.Module:
    """A physically smaller copy of a model, without the heads and neurons that `masks` prune.

    It computes what the masked model computes, up to the rounding of sums in another order. Its
    sizes are no longer those of its configuration, so it lives in memory, or as a whole pickled
    module, but not as a checkpoint for `from_pretrained`.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Not changed.
    masks : dict of str to torch.Tensor
        For example from `structured_masks`.

    Returns
    -------
    transformers.PreTrainedModel
    """
    model = apply_masks(copy.deepcopy(model), masks)
    encoder = encoder_of(model)
    size = encoder.config.hidden_size // encoder.config.num_attention_heads
    for number, layer in enumerate(encoder.encoder.layer):
        heads = _kept(
            masks,
            f"encoder.layer.{number}.attention.output.dense.weight",
            layer.attention.output.dense,
        )
        heads = heads.view(-1, size).any(1).repeat_interleave(size)
        attention = layer.attention.self
        attention.query, attention.key, attention.value = (
            _cut(part, rows=heads) for part in (attention.query, attention.key, attention.value)
        )
        layer.attention.output.dense = _cut(layer.attention.output.dense, columns=heads)
        attention.all_head_size = int(heads.sum())
        attention.num_attention_heads = attention.all_head_size // size
        neurons = _kept(masks, f"encoder.layer.{number}.output.dense.weight", layer.output.dense)
        layer.intermediate.dense = _cut(layer.intermediate.dense, rows=neurons)
        layer.output.dense = _cut(layer.output.dense, columns=neurons)
    return model


def _kept(masks, name, linear):
    """Which columns of a matrix have anything left."""
    if name not in masks:
        return torch.ones(linear.in_features, dtype=torch.bool)
    return masks[name].any(0).cpu()


@torch.no_grad()
def _cut(linear, rows=slice(None), columns=slice(None)):
    weight = linear.weight[rows][:, columns]
    smaller = nn.Linear(weight.shape[1], weight.shape[0], bias=linear.bias is not None).to(weight)
    smaller.weight.copy_(weight)
    if linear.bias is not None:
        smaller.bias.copy_(linear.bias[rows])
    return smaller

"""Heads and neurons: what is pruned is whole, and the smaller model computes the same."""

import copy

import pytest
import torch
from transformers import BertForSequenceClassification

from helpers import pruning, structure


@pytest.fixture
def model(make):
    return make(
        BertForSequenceClassification, hidden_size=24, num_attention_heads=4, intermediate_size=40
    ).eval()


def test_masks_prune_whole_heads_and_neurons_at_the_share_asked_for(model):
    masks = structure.structured_masks(model, 0.5)
    assert masks.keys() == structure.layer_matrices(model).keys() and len(masks) == 12
    for name, mask in masks.items():
        lines = (
            mask
            if "query" in name or "key" in name or "value" in name or "intermediate" in name
            else mask.t()
        )
        assert (lines.all(1) | ~lines.any(1)).all()
        assert int(lines.any(1).sum()) == lines.shape[0] // 2
        if "attention" in name:
            heads = lines[:, 0].view(4, 6)
            assert (heads.all(1) | ~heads.any(1)).all()
    assert torch.equal(
        masks["encoder.layer.0.attention.self.query.weight"],
        masks["encoder.layer.0.attention.self.value.weight"],
    )


def test_the_weakest_head_and_neuron_go(model):
    weights = pruning.prunable_parameters(model)
    with torch.no_grad():
        for part in ("self.query", "self.key", "self.value"):
            weights[f"encoder.layer.0.attention.{part}.weight"][12:18] *= 0.01
        weights["encoder.layer.0.attention.output.dense.weight"][:, 12:18] *= 0.01
        weights["encoder.layer.1.intermediate.dense.weight"][7] = 0.0
        weights["encoder.layer.1.output.dense.weight"][:, 7] = 0.0
    masks = structure.structured_masks(model, 0.25)
    assert masks["encoder.layer.0.attention.self.key.weight"].any(1).view(4, 6).any(1).tolist() == [
        True,
        True,
        False,
        True,
    ]
    assert not masks["encoder.layer.1.intermediate.dense.weight"][7].any()


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.75, 0.99])
def test_the_smaller_model_computes_what_the_masked_one_does(model, sparsity):
    with torch.no_grad():
        for bias in (p for name, p in model.named_parameters() if name.endswith("bias")):
            bias.normal_()  # a removed head or neuron must not leave its bias behind
    masks = structure.structured_masks(model, sparsity)
    pruning.apply_masks(model, masks)
    small, ids = structure.shrink(model, masks), torch.arange(20).view(2, 10)
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    with torch.no_grad():
        torch.testing.assert_close(
            small(ids, attention_mask=mask).logits,
            model(ids, attention_mask=mask).logits,
            atol=1e-5,
            rtol=1e-5,
        )
    left = sum(weight.numel() for weight in structure.layer_matrices(small).values())
    assert left == sum(int(m.sum()) for m in masks.values())
    assert small.bert.encoder.layer[0].attention.self.num_attention_heads == max(
        1, round(4 * (1 - sparsity))
    )
    assert (
        model.bert.encoder.layer[0].intermediate.dense.out_features == 40
    )  # the original is left alone


def test_masks_of_single_weights_cut_nothing_out(model):
    masks = structure.single_masks(model, 0.5)
    small = structure.shrink(model, masks)
    assert sum(p.numel() for p in small.parameters()) == sum(p.numel() for p in model.parameters())
    assert all(int((~m).sum()) == m.numel() // 2 for m in masks.values())
    assert not any("embeddings" in name or "pooler" in name for name in masks)


def test_sparsity_out_of_range_is_refused(model):
    with pytest.raises(ValueError, match="for 50 percent pass 0.5"):
        structure.structured_masks(model, 50)


def test_models_built_otherwise_are_refused():
    from transformers import DistilBertConfig, DistilBertModel

    other = DistilBertModel(
        DistilBertConfig(vocab_size=60, dim=16, n_layers=1, n_heads=2, hidden_dim=32)
    )
    with pytest.raises(ValueError, match="DistilBertModel.*RoBERTa"):
        structure.structured_masks(other, 0.5)


def test_a_shared_layer_is_pruned_and_a_model_without_layers_is_refused(make):
    from torch import nn
    from transformers import AlbertConfig, AlbertModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2}
    albert = AlbertModel(AlbertConfig(vocab_size=60, embedding_size=8, **sizes))
    masks = structure.single_masks(albert, 0.5)
    assert masks and all(abs(float(mask.float().mean()) - 0.5) < 0.05 for mask in masks.values())
    with pytest.raises(ValueError, match="Sequential has no layers whose matrices"):
        structure.single_masks(nn.Sequential(nn.Linear(4, 4)), 0.5)


def test_the_smaller_model_takes_only_masks_that_fit(model):
    masks = structure.structured_masks(model, 0.5)
    with pytest.raises(ValueError, match="fit no prunable matrix"):
        structure.shrink(model, {f"other.{name}": mask for name, mask in masks.items()})
    single = structure.single_masks(model, 0.5)
    ids, masked = torch.arange(6).view(1, -1), pruning.apply_masks(copy.deepcopy(model), single)
    logits = [each.eval()(ids).logits for each in (structure.shrink(model, single), masked)]
    assert torch.allclose(*logits, atol=1e-5)

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel

from helpers import pruning
from helpers.pruning import magnitude_mask, prunable_parameters, random_mask


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_sorting(weight, sparsity):
    """Magnitude pruning said slowly: order by magnitude, then by position, prune the first."""
    values = [abs(float(value)) for value in weight.flatten()]
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    mask = torch.ones(len(values), dtype=torch.bool)
    mask[order[: round(len(values) * sparsity)]] = False
    return mask.view(weight.shape)


# magnitude_mask


@pytest.mark.parametrize("shape", [(7,), (5, 3), (13, 17), (2, 3, 4, 5), (1, 1)])
@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.37, 0.5, 0.9, 0.99])
def test_magnitude_mask_is_that_of_torch_prune(shape, sparsity):
    layer = nn.Module()
    layer.weight = nn.Parameter(randn(*shape))
    mask = magnitude_mask(layer.weight, sparsity)
    assert mask.dtype == torch.bool and mask.shape == shape
    assert int((~mask).sum()) == round(layer.weight.numel() * sparsity)
    prune.l1_unstructured(layer, "weight", amount=sparsity)
    assert torch.equal(mask, layer.weight_mask.bool())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("sparsity", [0.05, 0.5, 0.8])
def test_magnitude_mask_is_that_of_sorting_also_with_many_ties(dtype, sparsity):
    weight = (randn(24, 31) * 3).round().div(4).to(dtype)
    assert len(weight.abs().unique()) < 20
    assert torch.equal(magnitude_mask(weight, sparsity), by_sorting(weight, sparsity))


def test_among_equals_the_first_in_memory_are_pruned():
    assert magnitude_mask(torch.tensor([[1.0, -1, 1], [-1, 1, 1]]), 0.5).tolist() == [
        [False] * 3,
        [True] * 3,
    ]


def test_magnitude_mask_of_a_transposed_weight():
    weight = randn(6, 9).t()
    assert not weight.is_contiguous()
    assert torch.equal(magnitude_mask(weight, 0.4), by_sorting(weight, 0.4))


def test_magnitude_mask_leaves_its_input_alone():
    weight = nn.Parameter(randn(8, 8))
    before = weight.detach().clone()
    magnitude_mask(weight, 0.5)
    assert torch.equal(weight, before) and weight.requires_grad and weight.grad is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_diverged_weight_is_an_error(bad):
    with pytest.raises(ValueError, match="NaN or infinite"):
        magnitude_mask(torch.tensor([1.0, bad]), 0.5)


MASKERS = pytest.mark.parametrize("masker", [magnitude_mask, random_mask])


@MASKERS
@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 1.5, float("nan"), float("inf")])
def test_sparsity_outside_its_range(masker, sparsity):
    with pytest.raises(ValueError, match=rf"\[0, 1\).*got {sparsity}"):
        masker(torch.ones(4), sparsity)


@MASKERS
@pytest.mark.parametrize("sparsity", [True, "0.5", None, [0.5]])
def test_sparsity_that_is_no_number(masker, sparsity):
    with pytest.raises(TypeError, match="must be a number"):
        masker(torch.ones(4), sparsity)


def test_percent_gets_a_hint():
    with pytest.raises(ValueError, match="for 60 percent pass 0.6"):
        magnitude_mask(torch.ones(4), 60)


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5)])
def test_numbers_of_numpy_are_numbers(number):
    assert int(magnitude_mask(torch.ones(4), number).sum()) == 2


# random_mask


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.77])
def test_random_mask_prunes_an_exact_count(sparsity):
    mask = random_mask(torch.ones(13, 7), sparsity)
    assert mask.shape == (13, 7) and int((~mask).sum()) == round(91 * sparsity)


def test_random_mask_repeats_with_its_generator():
    first, again, other = (
        random_mask(torch.ones(50, 50), 0.5, torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_random_mask_does_not_look_at_the_weights():
    masks = [
        random_mask(weight, 0.5, torch.Generator().manual_seed(1))
        for weight in (torch.ones(50, 50), randn(50, 50))
    ]
    assert torch.equal(*masks)


# prunable_parameters


@pytest.mark.parametrize("pooler, count", [(True, 74), (False, 73)])
def test_bert_base_has_the_papers_74_matrices(pooler, count):
    with torch.device("meta"):
        model = BertModel(BertConfig(), add_pooling_layer=pooler)
    weights = prunable_parameters(model)
    assert len(weights) == count and next(iter(weights)) == "embeddings.word_embeddings.weight"
    if pooler:
        assert sum(weight.numel() for weight in weights.values()) == 108_965_376
        assert sum(weight.numel() for weight in model.parameters()) == 109_482_240


def test_what_is_not_pruned(make):
    model = make(BertForSequenceClassification)
    rest = {name for name, _ in model.bert.named_parameters()} - set(prunable_parameters(model))
    assert {name for name in rest if not name.endswith("bias") and "LayerNorm" not in name} == {
        "embeddings.position_embeddings.weight",
        "embeddings.token_type_embeddings.weight",
    }


def test_masks_fit_across_heads(make):
    masks = pruning.magnitude_masks(make(BertForMaskedLM), 0.5)
    classifier = make(BertForSequenceClassification, seed=1)
    pooler = {"pooler.dense.weight"}
    assert set(prunable_parameters(classifier)) - set(masks) == pooler
    assert set(prunable_parameters(make(BertModel))) == set(masks) | pooler
    report = pruning.sparsity_report(pruning.apply_masks(classifier, masks))
    assert (report.sparsity.drop([*pooler, "total"]) == 0.5).all() and report.sparsity[
        [*pooler]
    ].item() == 0


def test_any_module_with_linear_layers_can_be_pruned():
    assert list(
        prunable_parameters(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
    ) == ["0.weight", "2.weight"]
    assert list(prunable_parameters(nn.Linear(2, 3))) == ["weight"]


def test_model_without_matrices():
    with pytest.raises(ValueError, match="LayerNorm has no prunable matrices.*BertModel"):
        prunable_parameters(nn.LayerNorm(4))


# masks of a whole model


def test_matrix_scope_gives_each_matrix_its_own_threshold(make):
    model = make(BertModel)
    weights = prunable_parameters(model)
    masks = pruning.magnitude_masks(model, 0.3)
    assert list(masks) == list(weights)
    assert all(torch.equal(masks[name], magnitude_mask(weights[name], 0.3)) for name in weights)


def test_global_scope_is_that_of_torch_prune(make):
    model = make(BertModel)
    with torch.no_grad():
        model.pooler.dense.weight.mul_(5)
    masks = pruning.magnitude_masks(model, 0.6, scope="global")
    modules = {name: model.get_submodule(name.removesuffix(".weight")) for name in masks}
    prune.global_unstructured(
        [(module, "weight") for module in modules.values()], prune.L1Unstructured, amount=0.6
    )
    assert all(
        torch.equal(masks[name], module.weight_mask.bool()) for name, module in modules.items()
    )
    assert float((~masks["pooler.dense.weight"]).float().mean()) < 0.3


def test_unknown_scope(make):
    with pytest.raises(ValueError, match="'layer'"):
        pruning.magnitude_masks(make(BertModel), 0.5, scope="layer")


def test_apply_masks_reaches_the_tied_output_layer(make):
    model = make(BertForMaskedLM)
    masks = pruning.magnitude_masks(model, 0.5)
    before = {name: weight.detach().clone() for name, weight in prunable_parameters(model).items()}
    assert pruning.apply_masks(model, masks) is model
    assert all(
        torch.equal(weight, before[name] * masks[name])
        for name, weight in prunable_parameters(model).items()
    )
    assert torch.equal(
        model.cls.predictions.decoder.weight == 0, ~masks["embeddings.word_embeddings.weight"]
    )


NAME = "encoder.layer.0.attention.self.query.weight"


@pytest.mark.parametrize(
    "masks, message",
    [
        (
            {"encoder.layer.7.weight": torch.ones(2, 2).bool()},
            "encoder.layer.7.weight.*same architecture",
        ),
        ({NAME: torch.ones(16, 15).bool()}, r"query.*\(16, 15\).*\(16, 16\)"),
        ({NAME: torch.ones(16, 16)}, "query.*float32.*bool"),
    ],
)
def test_masks_that_do_not_fit(make, masks, message):
    model = make(BertModel)
    before = prunable_parameters(model)[NAME].detach().clone()
    good = {"pooler.dense.weight": torch.zeros(16, 16).bool()}
    with pytest.raises(ValueError, match=message):
        pruning.apply_masks(model, good | masks)
    assert torch.equal(prunable_parameters(model)[NAME], before)
    assert (model.pooler.dense.weight != 0).any()  # refused before anything was changed


def test_sparsity_report_counts_zeros(make):
    model = make(BertModel)
    with torch.no_grad():
        for weight in prunable_parameters(model).values():
            weight.fill_(1.0)
        prunable_parameters(model)[NAME][:4] = 0
    report = pruning.sparsity_report(model)
    assert list(report.index) == [*prunable_parameters(model), "total"]
    assert report.loc[NAME].tolist() == [256, 64, 0.25]
    entries = sum(weight.numel() for weight in prunable_parameters(model).values())
    assert report.loc["total"].tolist() == [entries, 64, 64 / entries]


# mask_difference


def test_mask_difference_counts_entries():
    a = {"x": torch.tensor([True, True, False]), "y": torch.tensor([True])}
    b = {"x": torch.tensor([True, False, True]), "y": torch.tensor([True])}
    assert pruning.mask_difference(a, b) == 0.5
    assert pruning.mask_difference(a, a) == 0
    assert pruning.mask_difference(a["x"], b["x"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("sparsity", [0.2, 0.5, 0.9])
def test_independent_masks_differ_as_chance_says(sparsity):
    a, b = (
        random_mask(torch.ones(300, 300), sparsity, torch.Generator().manual_seed(seed))
        for seed in (1, 2)
    )
    assert pruning.mask_difference(a, b) == pytest.approx(2 * sparsity * (1 - sparsity), abs=0.01)


def test_masks_of_different_models_cannot_be_compared():
    with pytest.raises(ValueError, match="'y'.*one only"):
        pruning.mask_difference(
            {"x": torch.ones(2).bool()}, {"x": torch.ones(2).bool(), "y": torch.ones(2).bool()}
        )


# masks on disk


def test_masks_come_back_as_they_were_saved(tmp_path):
    masks = {
        f"w{i}": random_mask(torch.ones(shape), 0.4)
        for i, shape in enumerate([(1,), (3, 3), (8, 8), (5, 7, 3)])
    }
    pruning.save_masks(masks, tmp_path / "masks.safetensors")
    loaded = pruning.load_masks(tmp_path / "masks.safetensors")
    assert loaded.keys() == masks.keys()
    assert all(
        torch.equal(loaded[name], mask) and loaded[name].dtype == torch.bool
        for name, mask in masks.items()
    )


def test_masks_take_one_bit_an_entry(tmp_path):
    pruning.save_masks({"w": torch.ones(400, 400).bool()}, tmp_path / "masks")
    assert (tmp_path / "masks").stat().st_size < 400 * 400 / 8 + 500


def test_missing_masks(tmp_path):
    with pytest.raises(FileNotFoundError, match="no masks at .*nowhere.*save_masks"):
        pruning.load_masks(tmp_path / "nowhere")

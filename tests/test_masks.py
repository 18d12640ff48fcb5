"""Masks and schedules against slow definitions, on weights made up by hypothesis."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from helpers import pruning
from helpers.pruning import cubic_sparsity, magnitude_mask, magnitude_masks_at

few = settings(max_examples=15, deadline=None, derandomize=True)
sparsities = st.floats(0, 0.999)
# many ties, both zeros, subnormal numbers
numbers = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e-42, -3e38]) | st.floats(
    -100, 100, width=32
)
shapes = arrays.array_shapes(max_dims=3, max_side=9)
weights = arrays.arrays(np.float32, shapes, elements=numbers).map(torch.from_numpy)
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def by_sorting(weight, sparsity):
    """Order by magnitude, then by position, and prune the first ones."""
    values = weight.double().abs().flatten().tolist()
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    mask = torch.ones(len(values), dtype=torch.bool)
    mask[order[: round(len(values) * sparsity)]] = False
    return mask.view(weight.shape)


@few
@given(weights, sparsities)
def test_a_mask_is_that_of_sorting(weight, sparsity):
    assert torch.equal(magnitude_mask(weight, sparsity), by_sorting(weight, sparsity))


@few
@given(weights, sparsities, st.sampled_from(DTYPES))
def test_in_any_precision(weight, sparsity, dtype):
    weight = weight.clamp(-1e4, 1e4).to(dtype)
    assert torch.equal(magnitude_mask(weight, sparsity), by_sorting(weight, sparsity))


@few
@given(st.lists(weights, min_size=1, max_size=4), st.lists(sparsities, max_size=9))
def test_several_sparsities_at_once_are_each_alone(several, levels):
    named = {str(i): weight for i, weight in enumerate(several)}
    flat = torch.cat([weight.flatten() for weight in several])
    sizes = [weight.numel() for weight in several]
    for scope in pruning.SCOPES:
        at_once = magnitude_masks_at(named, levels, scope)
        assert len(at_once) == len(levels)
        for masks, level in zip(at_once, levels):
            assert list(masks) == list(named)
            expected = [by_sorting(weight, level) for weight in several]
            if scope == "global":  # ties go by the order of the matrices
                expected = by_sorting(flat, level).split(sizes)
            for mask, right, weight in zip(masks.values(), expected, several):
                assert mask.shape == weight.shape and torch.equal(mask.flatten(), right.flatten())


@few
@given(weights, sparsities, sparsities)
def test_masks_are_nested(weight, a, b):
    low, high = magnitude_masks_at({"w": weight}, sorted([a, b]))
    assert not (high["w"] & ~low["w"]).any()


@few
@given(weights, sparsities, st.randoms(use_true_random=False))
def test_of_all_masks_with_as_many_zeros_none_keeps_more_squares(weight, sparsity, random):
    mask, magnitudes = magnitude_mask(weight, sparsity), weight.double().abs().flatten()
    assert int((~mask).sum()) == round(weight.numel() * sparsity)
    other = mask.flatten().tolist()
    random.shuffle(other)
    kept, others = magnitudes[mask.flatten()], magnitudes[torch.tensor(other, dtype=torch.bool)]
    # place by place in order, so that no rounding of a sum hides or feigns a difference
    assert (kept.sort().values >= others.sort().values).all()


@few
@given(weights, sparsities, st.randoms(use_true_random=False))
def test_an_exchange_of_places_exchanges_the_mask(weight, sparsity, random):
    """With ties, which of equal magnitudes are kept may differ, but not how many."""
    flat, order = weight.flatten(), list(range(weight.numel()))
    random.shuffle(order)
    here, there = magnitude_mask(flat, sparsity), magnitude_mask(flat[order], sparsity)
    kept, kept_there = flat.abs()[here].sort().values, flat[order].abs()[there].sort().values
    assert torch.equal(kept, kept_there)
    if len(flat.abs().unique()) == len(flat):
        assert torch.equal(here[order], there)


@few
@given(weights, sparsities, st.integers(-20, 20))
def test_scale_and_sign_do_not_matter(weight, sparsity, exponent):
    weight = weight.double()
    assert torch.equal(
        magnitude_mask(weight, sparsity), magnitude_mask(-weight * 2.0**exponent, sparsity)
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_more_entries_than_are_looked_at_together(dtype, monkeypatch):
    monkeypatch.setattr(pruning, "_PART", {"cpu": 64})
    weight = torch.randn(37, 29, generator=torch.Generator().manual_seed(0)).to(dtype)
    weight[5:20] = weight[5, 0]  # ties across the parts
    for sparsity, masks in zip((0.1, 0.5, 0.9), magnitude_masks_at({"w": weight}, (0.1, 0.5, 0.9))):
        assert torch.equal(masks["w"], by_sorting(weight, sparsity))


def test_on_several_threads_the_masks_are_the_same():
    """Nine million entries, above which the matrices are divided among torch's threads."""
    generator = torch.Generator().manual_seed(0)
    several = {str(i): torch.randn(3_000_000, generator=generator) for i in range(3)}
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = pruning.masks_for(several, 0.7)
        torch.set_num_threads(2)
        together = pruning.masks_for(several, 0.7)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(alone[name], together[name]) for name in several)
    assert {int((~mask).sum()) for mask in together.values()} == {2_100_000}
    for name, mask in together.items():
        magnitude = several[name].abs()
        assert magnitude[~mask].max() <= magnitude[mask].min()


def test_weights_of_several_types_share_a_threshold():
    a, b = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.5, 2.5, 3.5], dtype=torch.float64)
    masks = pruning.masks_for({"a": a, "b": b}, 0.5, "global")
    assert [mask.tolist() for mask in masks.values()] == [[False, False, True], [False, True, True]]


def test_integers_and_empty_weights():
    assert magnitude_mask(torch.tensor([-5, 1, 3, 2]), 0.5).tolist() == [True, False, True, False]
    assert magnitude_mask(torch.ones(0, 3), 0.5).shape == (0, 3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [float("nan"), -float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
def test_what_has_no_order_is_refused_in_any_precision(dtype, bad, sparsity):
    with pytest.raises(ValueError, match="NaN or infinite"):
        magnitude_mask(torch.tensor([1.0, bad, 2.0], dtype=dtype), sparsity)


def test_the_largest_finite_numbers_are_not_taken_for_infinite():
    for dtype in DTYPES:
        weight = torch.tensor([1.0, torch.finfo(dtype).max], dtype=dtype)
        assert magnitude_mask(weight, 0.5).tolist() == [False, True]


@few
@given(
    sparsities, sparsities, st.integers(0, 50), st.integers(0, 50), st.lists(st.integers(-5, 120))
)
def test_a_schedule_stays_between_its_ends_and_rises(a, b, begin, length, steps):
    initial, final = sorted([a, b])
    ramp = dict(begin=begin, end=begin + length, initial=initial, final=final)
    values = [cubic_sparsity(step, **ramp) for step in sorted(steps)]
    assert all(initial - 1e-12 <= value <= final + 1e-12 for value in values)
    assert all(later >= earlier - 1e-12 for earlier, later in zip(values, values[1:]))
    assert cubic_sparsity(begin + length, **ramp) == final
    assert cubic_sparsity(begin - 1, **ramp) == initial


def test_float_masks_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match=r"mask for w is torch.float32.*mask.bool\(\)"):
        pruning.save_masks({"w": torch.ones(3)}, tmp_path / "masks")
    assert not (tmp_path / "masks").exists()

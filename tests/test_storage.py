"""Formats: what goes in comes out, and the sizes are those of the formulas."""

import math

import pytest
import torch
from transformers import BertForMaskedLM, BertForSequenceClassification

from helpers import pruning
from helpers.cost import storage


def bits(tensor):
    return tensor.contiguous().view(torch.uint8)


def example(rows, columns, sparsity, seed=0):
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    return weight * pruning.magnitude_mask(weight, sparsity)  # leaves −0.0 behind


@pytest.mark.parametrize("form", storage.EXACT)
@pytest.mark.parametrize(
    "weight",
    [
        example(7, 13, 0.6),
        example(1, 1, 0.0),
        example(3, 8, 0.9),
        torch.zeros(5, 9),
        torch.full((2, 3), -0.0),
        torch.ones(4, 4),
        torch.tensor([[float("nan"), -float("inf"), 1e-45, -0.0, 0.0]]),
        example(64, 256, 0.5).t(),
        example(6, 10, 0.5).double(),
        example(5, 7, 0.5).bfloat16(),
    ],
    ids=[
        "odd",
        "one entry",
        "eight columns",
        "all zero",
        "all minus zero",
        "dense",
        "special values",
        "transposed",
        "double",
        "bfloat16",
    ],
)
def test_exact_formats_give_back_every_bit(weight, form):
    again = storage.decode(storage.encode(weight, form), form, tuple(weight.shape), weight.dtype)
    assert again.shape == weight.shape and again.dtype == weight.dtype
    assert torch.equal(bits(again), bits(weight))


def test_bitmask_of_a_matrix_done_by_hand():
    parts = storage.encode(torch.tensor([[0.0, 2.0, 0.0], [-1.0, 0.0, -0.0]]), "bitmask")
    assert parts["mask"].tolist() == [0b01010100]  # and the minus zero: position 5
    assert parts["values"].tolist() == [2.0, -1.0, -0.0]
    parts = storage.encode(torch.tensor([[0.0, 2.0, 0.0], [-1.0, 0.0, 3.0]]), "csr")
    assert [parts[k].tolist() for k in ("values", "columns", "ends")] == [
        [2.0, -1.0, 3.0],
        [1, 0, 2],
        [0, 1, 3],
    ]


def test_rounding_formats_are_near():
    weight = example(20, 30, 0.3)
    half = storage.decode(storage.encode(weight, "half"), "half", (20, 30))
    assert ((half - weight).abs() <= weight.abs() * 2**-10 + 1e-7).all()
    parts = storage.encode(weight, "int8")
    assert parts["values"].dtype == torch.int8 and (parts["values"][weight == 0] == 0).all()
    again = storage.decode(parts, "int8", (20, 30))
    assert ((again - weight).abs() <= 0.5001 * weight.abs().amax(1, keepdim=True) / 127).all()
    assert torch.equal(
        storage.decode(storage.encode(torch.zeros(2, 3), "int8"), "int8", (2, 3)), torch.zeros(2, 3)
    )


@pytest.mark.parametrize("form", storage.EXACT)
@pytest.mark.parametrize("cls", [BertForMaskedLM, BertForSequenceClassification])
def test_a_model_comes_back_bit_for_bit_with_its_ties(make, tmp_path, form, cls):
    model = make(cls, vocab_size=61, intermediate_size=33)
    pruning.apply_masks(model, pruning.magnitude_masks(model, 0.7))
    size = storage.save(model, tmp_path / "model", form)
    assert size == (tmp_path / "model").stat().st_size
    state, wanted = storage.load(tmp_path / "model"), model.state_dict()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(bits(state[name]), bits(wanted[name])) for name in wanted)
    other = make(cls, seed=5, vocab_size=61, intermediate_size=33)
    other.load_state_dict(state)
    ids = torch.arange(12)[None]
    assert torch.equal(other.eval()(ids).logits, model.eval()(ids).logits)


def test_tied_embeddings_are_written_once(make, tmp_path):
    model = make(BertForMaskedLM, vocab_size=4000)
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    assert storage.save(model, tmp_path / "model", "dense") < 1.2 * sum(
        p.nbytes for p in model.parameters()
    )


def test_minus_zeros_cost_their_bytes_until_they_are_made_positive(make, tmp_path):
    model = make(BertForMaskedLM)
    pruning.apply_masks(model, pruning.magnitude_masks(model, 0.8))
    before, ids = storage.save(model, tmp_path / "a", "bitmask"), torch.arange(9)[None]
    logits = model.eval()(ids).logits
    after = storage.save(storage.positive_zeros(model), tmp_path / "b", "bitmask")
    entries = sum(w.numel() for w in pruning.prunable_parameters(model).values())
    assert 0.3 * 4 * entries < before - after < 0.5 * 4 * entries  # half of the pruned 80%
    assert torch.equal(model(ids).logits, logits)


def test_measured_sizes_follow_the_formulas():
    rows = storage.shape_sizes("BERT-tiny", (0.0, 0.5, 0.9)).set_index(["format", "sparsity"])[
        "bytes"
    ]
    sizes = storage.matrices_of(**storage.SHAPES["BERT-tiny"])
    for form in ("dense", "csr", "bitmask", "half", "int8"):
        for s in (0.0, 0.5, 0.9):
            entry_kept = {shape: storage.cost(form, shape[1]) for shape in sizes}
            wanted = sum(
                n * math.prod(shape) * (entry_kept[shape][0] + entry_kept[shape][1] * (1 - s))
                for shape, n in sizes.items()
            )
            assert rows[form, s] == pytest.approx(wanted, rel=1e-4)
    assert rows["zstd", 0.9] < 0.25 * rows["dense", 0.9]


def test_bert_base_has_74_matrices_and_109_million_prunable_weights():
    sizes = storage.matrices_of(**storage.SHAPES["BERT-base"])
    assert sum(sizes.values()) == 74
    assert sum(n * a * b for (a, b), n in sizes.items()) == 108_965_376


def test_break_even_points():
    assert storage.break_even("csr", 768) == pytest.approx(0.5 + 1 / (2 * 768))
    assert storage.break_even("bitmask", 768) == pytest.approx(1 / 32)
    assert storage.break_even("bitmask", 768, against="half") == pytest.approx(17 / 32)
    assert storage.break_even("csr", 768, against="bitmask") == pytest.approx(
        1 - (1 / 8 - 4 / 768) / 4
    )
    assert storage.break_even("half", 768) == 0.0
    assert math.isnan(storage.break_even("dense", 768, against="half"))
    assert math.isnan(storage.break_even("csr", 1))  # an end for each entry


def test_crossing_lies_between_the_measured_points():
    assert storage.crossing([0.0, 0.4, 0.6], [2.0, 1.2, 0.8]) == pytest.approx(0.5)
    assert storage.crossing([0.0, 0.5], [0.9, 0.4]) == 0.0
    assert math.isnan(storage.crossing([0.0, 0.5], [2.0, 1.5]))


def test_errors_name_the_value_and_the_way_out(tmp_path, make):
    with pytest.raises(ValueError, match="'coo'.*bitmask"):
        storage.encode(torch.zeros(2, 2), "coo")
    with pytest.raises(ValueError, match="depends on its values"):
        storage.cost("zstd", 4)
    with pytest.raises(ValueError, match="BERT-large.*BERT-tiny"):
        storage.shape_sizes("BERT-large", [0.5])
    with pytest.raises(FileNotFoundError, match="helpers.cost.storage.save"):
        storage.load(tmp_path / "nothing")
    make(BertForMaskedLM).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="from_pretrained"):
        storage.load(tmp_path / "model.safetensors")


def test_a_format_that_is_never_smaller_never_breaks_even():
    assert math.isnan(storage.break_even("dense", 768, "csr"))  # at 90% CSR is smaller
    assert math.isnan(storage.break_even("int8", 768, "bitmask"))
    assert storage.break_even("half", 768, "dense") == 0


def test_matrices_of_one_size_are_counted_together():
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "intermediate_size": 8, "vocab_size": 30}
    assert storage.matrices_of(**sizes) == {(30, 8): 1, (8, 8): 13}


def test_a_sparsity_given_twice_is_counted_once():
    once, twice = (storage.shape_sizes("BERT-tiny", s, ["dense"]) for s in ([0.5], [0.5, 0.5]))
    assert once.equals(twice)

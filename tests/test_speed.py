"""Engines give the dense result; masks, shapes and tables are right. No test looks at a clock."""

import importlib.util

import pandas as pd
import pytest
import torch
from torch import nn
from transformers import BertModel

from helpers import pruning, reference, structure
from helpers.cost import advice, speed, storage


@pytest.fixture
def model(make):
    model = make(BertModel, num_attention_heads=4).eval()
    return pruning.apply_masks(model, pruning.magnitude_masks(model, 0.7))


IDS = torch.arange(24).view(3, 8)


def test_csr_computes_the_same(model):
    with torch.no_grad():
        torch.testing.assert_close(
            speed.csr(model)(IDS), speed.dense(model)(IDS), atol=1e-5, rtol=1e-5
        )
    assert isinstance(
        model.encoder.layer[0].output.dense, nn.Linear
    )  # the model itself is left alone


def test_csr_holds_only_the_kept_weights():
    linear = nn.Linear(30, 20)
    with torch.no_grad():
        linear.weight.mul_(pruning.magnitude_mask(linear.weight, 0.9).float())  # with minus zeros
    sparse = speed.SparseLinear(linear)
    assert sparse.weight.values().numel() == 60
    x = torch.randn(2, 5, 30)
    torch.testing.assert_close(sparse(x), linear(x))


def test_int8_is_near(model):
    with torch.no_grad():
        wanted = speed.dense(model)(IDS)
        assert 0 < (speed.int8(model)(IDS) - wanted).abs().max() < 0.1 * wanted.abs().max()


@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)
def test_openvino_computes_the_same(model):
    torch.testing.assert_close(
        speed.openvino(model)(IDS), speed.dense(model)(IDS).detach(), atol=1e-4, rtol=1e-4
    )


def test_two_of_four_keeps_the_two_largest_of_each_four():
    mask = speed.two_of_four_mask(torch.tensor([[1.0, -3.0, 2.0, 0.5, 4.0, 0.1, -5.0, 3.0]]))
    assert mask.tolist() == [[False, True, True, False, True, False, True, False]]
    with pytest.raises(ValueError, match="divisible by 4, got 6"):
        speed.two_of_four_mask(torch.ones(2, 6))


@pytest.mark.skipif(speed.gpu_has_sparse_units(), reason="this machine has such a GPU")
def test_without_a_gpu_two_of_four_says_what_is_missing(model):
    with pytest.raises(RuntimeError, match="compute capability 8.0"):
        speed.two_of_four(model)


@pytest.mark.skipif(
    not speed.gpu_has_sparse_units(),
    reason="needs an NVIDIA GPU of compute capability 8.0 or higher",
)
def test_two_of_four_computes_the_same_on_a_gpu():
    model = speed.pruned_model("BERT-tiny", 0.0)
    for weight in structure.layer_matrices(model).values():
        weight.data *= speed.two_of_four_mask(weight)
    with torch.no_grad():
        torch.testing.assert_close(
            speed.two_of_four(model)(IDS).float(),
            speed.half_on_gpu(model)(IDS).float(),
            atol=2e-2,
            rtol=2e-2,
        )


def test_in_turns_times_every_call_and_finds_the_differences():
    seen = []
    calls = {
        "a": lambda x: seen.append("a") or x.float(),
        "b": lambda x: seen.append("b") or x.float() + 0.5,
    }
    table = speed.in_turns(calls, IDS, repeats=3).set_index("engine")
    assert seen == ["a", "a", "b", "b"] * 3  # in turns, the first of two not timed
    assert table.difference.to_dict() == {"a": 0.0, "b": 0.5}
    assert (
        (table.batch == 3).all()
        and (table.low <= table.ms).all()
        and (table.ms <= table.high).all()
    )


def test_engine_times_has_a_row_for_each_engine_batch_and_sparsity():
    table = speed.engine_times(
        "BERT-tiny", (0.5, 0.75), batches=(1, 2), tokens=4, repeats=1, which=("dense", "CSR")
    )
    assert len(table) == 3 * 2 * 2 and set(table.engine) == {"dense", "CSR", "smaller"}
    assert (table[table.engine == "CSR"].difference < 1e-4).all() and table[
        table.engine == "smaller"
    ].difference.isna().all()
    with pytest.raises(ValueError, match="BERT-huge.*BERT-tiny"):
        speed.engine_times("BERT-huge", (0.5,))


def test_the_smaller_model_has_the_weights_that_are_left():
    model = speed.pruned_model("BERT-tiny", 0.5)
    layers = lambda m: sum(weight.numel() for weight in structure.layer_matrices(m).values())
    zeros = pruning.sparsity_report(model)
    assert zeros.loc["total", "sparsity"] == pytest.approx(0.5, abs=1e-6)
    assert layers(speed.smaller(model, 0.5)) == layers(model) // 2


def test_intensity_by_hand():
    table = speed.products(0.75, (8, 16), (1, 2)).set_index(["engine", "tokens"])
    kept = 32
    assert table.intensity["dense", 2] == pytest.approx(2 * kept * 2 / (4 * 128 + 4 * 2 * 24))
    assert table.intensity["CSR", 1] == pytest.approx(2 * kept / (8 * kept + 4 * 8 + 4 * 24))
    assert isinstance(table, pd.DataFrame) and (table.gflops > 0).all()


def costs():
    sizes = pd.DataFrame(
        [
            ("m", f, s, 100 * b)
            for f, a, k in (
                ("dense", 1, 0),
                ("csr", 0, 2),
                ("bitmask", 0.03, 1),
                ("zstd", 0.2, 1),
                ("half", 0.5, 0),
                ("int8", 0.25, 0),
            )
            for s in (0.0, 0.9)
            for b in [a + k * (1 - s)]
        ],
        columns=["model", "format", "sparsity", "bytes"],
    )
    times = pd.DataFrame(
        [
            ("m", s, e, b, t)
            for b in (1, 32)
            for e, points in (
                ("dense", (8, 8)),
                ("CSR", (16, 4)),
                ("int8", (4, 4)),
                ("smaller", (4, 1)),
            )
            for s, t in zip((0.5, 0.9), points)
        ],
        columns=["model", "sparsity", "engine", "batch", "ms"],
    )
    return sizes, times


def test_advice_follows_from_the_costs():
    table = advice.advice("m", *costs(), free=0.6, whole=0.7)
    assert (
        "bit mask" in table.loc["download size", "do this"]
        and table.loc["download size", "gain"] == f"{4 / 0.525:.1f} times smaller"
    )
    assert table.loc["download size", "and pruning alone"].startswith("bitmask: 2.3")
    assert table.loc["memory while it runs", "gain"].startswith("up to 4.0 times")
    assert table.loc["CPU latency, 1 sentence", "do this"] == "cut out 70% of the heads and neurons"
    assert table.loc["CPU latency, 32 sentences", "gain"] == f"{8 / 2.5:.1f} times as fast"
    assert "CSR at 60%: 0.62" in table.loc["CPU latency, 1 sentence", "and pruning alone"]
    none = advice.advice("m", *costs(), free=0.0, whole=0.0)
    assert none.loc["download size", "do this"] == "round to int8"
    assert none.loc["CPU latency, 1 sentence", "do this"] == "int8"
    assert (
        "not measured" in none.loc["CPU latency, 1 sentence", "and pruning alone"]
        and "more" in none.loc["memory while it runs", "and pruning alone"]
    )


def test_the_shipped_costs_are_whole_and_correct():
    sizes, times = reference.costs("bytes"), reference.costs("milliseconds")
    assert set(sizes.model) == {"pocket", *storage.SHAPES} and {"BERT-tiny", "MiniLM-L6"} <= set(
        times.model
    ) <= set(storage.SHAPES)
    assert (
        set(sizes.format) == set(storage.FORMATS)
        and (sizes.groupby(["model", "format"]).size() == 11).all()
    )
    assert {
        "dense",
        "CSR",
        "int8",
        "smaller",
        "OpenVINO",
        "OpenVINO, sparse weights",
        "torchao int8",
    } == set(times.engine)
    assert (times.low <= times.ms).all() and (times.ms <= times.high).all()
    exact = times.engine.isin(["dense", "CSR", "OpenVINO", "OpenVINO, sparse weights"])
    assert (times[exact].difference < 1e-3).all() and (
        times[times.engine == "int8"].difference < 0.5
    ).all()
    assert (
        "threads" in reference.costs_note() and "benchmarks/sparsity.py" in reference.costs_note()
    )
    with pytest.raises(ValueError, match="bytes, milliseconds"):
        reference.costs("joules")


def test_engines_compute_without_dropout(model):
    ids = torch.arange(6).view(1, -1)
    model.train()
    assert torch.equal(speed.dense(model)(ids), speed.dense(model)(ids))


def test_an_unknown_engine_is_named():
    with pytest.raises(ValueError, match="no engine 'magic' here; choose from dense"):
        speed.engine_times("BERT-tiny", [0.5], [1], 8, 1, which=["magic"])

"""Checks catch what is wrong: mutants of right answers, made by program."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
import mutants


def test_nearly_all_mutants_are_caught():
    table, missed, stale = mutants.report()
    print(table.to_string(float_format="%.1f"))
    assert not stale, "these equivalent mutants are caught, or are none any more"
    passed = [mutant.change for found in missed.values() for mutant in found]
    assert table.share["all"] >= 95 and table.running["all"] >= 95, passed
    assert (table.share >= 90).all() and (table.running >= 90).all(), passed
    assert table.mutants["all"] > 2500 and table.mutants.min() >= 15


@pytest.fixture(scope="module")
def changes():
    return {mutant.change for mutant in mutants.mutants("magnitude_mask")}


@pytest.mark.parametrize(
    "before, after",
    [
        ("count = round(weight.numel() * sparsity)", "count = int(weight.numel() * sparsity)"),
        ("if count == 0:", "if count >= 0:"),
        ("if count == 0:", "if count == 1:"),
        ("return ranks > threshold", "return ranks >= threshold"),
        (
            "mask[weight.abs().flatten().argsort(stable=True)[:count]] = False",
            "mask[weight.flatten().argsort(stable=True)[:count]] = False",
        ),
        ("return ranks > threshold", "ranks > threshold"),
        (
            "mask[weight.abs().flatten().argsort(stable=True)[:count]] = False",
            "mask[weight.abs_().flatten().argsort(stable=True)[:count]] = False",
        ),
        (
            "threshold = ranks.flatten().kthvalue(count).values",
            "threshold = ranks.flatten().quantile(sparsity)",
        ),
        (
            "threshold = ranks.flatten().kthvalue(count).values",
            "threshold = ranks.flatten().kthvalue(count + 1).values",
        ),
        ("weight", "changed in place"),
    ],
)
def test_each_kind_of_change_is_made(changes, before, after):
    assert f"{before} → {after}" in changes


def test_every_equivalent_mutant_has_a_reason():
    assert mutants.EQUIVALENT and all(len(reason) > 15 for reason in mutants.EQUIVALENT.values())


def test_a_mutant_that_hangs_or_ends_its_process_is_stopped():
    module = "right_answers.pruned_pretraining"
    bodies = ("raise SystemExit", "while True: pass", "return np.exp(loss)", "return loss")
    found = [
        mutants.Mutant("perplexity", "", f"def perplexity(loss):\n    {body}", module)
        for body in bodies
    ]
    assert mutants.outcomes(found, timeout=2) == ["error", "stopped", "right", "wrong"]


@pytest.mark.parametrize(
    "value", [torch.zeros(2, 2), torch.ones(2).bool(), np.zeros(2), [1], {"a": torch.zeros(2)}]
)
def test_values_are_spoilt_in_place(value):
    before = repr(value)
    assert mutants.spoil(value) and repr(value) != before
    assert not mutants.spoil(0.5) and not mutants.spoil("text")

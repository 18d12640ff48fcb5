"""The script for a lent GPU, every part of it at a tiny size on a CPU."""

import argparse

import pytest
from course import ROOT

from helpers.lab.store import RunStore


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return pytest.importorskip("gpu")


@pytest.fixture
def options(tmp_path):
    return argparse.Namespace(out=tmp_path, jobs=1, seeds=2, quick=True)


def test_steps_a_second_are_measured_for_both_trainings(gpu):
    found = gpu.steps_a_second(quick=True)
    assert set(found) == {"MLM training", "fine-tuning"} and min(found.values()) > 0


def test_a_sweep_that_has_time_is_finished_and_one_that_has_none_goes_on_later(gpu, options):
    assert not gpu.sweep(options, "majority", "0", seconds=0)
    assert gpu.sweep(options, "majority", "0", seconds=600)
    rows = RunStore(options.out / "runs").rows()
    assert set(rows.task) == {"cola", "sst2"} and set(rows.seed) == {0, 1}


def test_the_sweeps_are_ones_that_the_command_line_takes(gpu):
    from helpers import profiles
    from helpers.conditions import CONDITIONS
    from helpers.lab.__main__ import with_settings

    settings = gpu.MINILM[gpu.MINILM.index("--set") + 1 :]
    profile = with_settings(profiles.get("small"), settings)
    epochs = profile.fine_tuning
    assert {sum(pair) for _, pair in epochs.before_after_epochs} == {epochs.epochs}
    assert {own for _, own in epochs.deletion_epochs} == {epochs.epochs}
    assert set(gpu.TASKS.split()) <= set(profile.tasks)
    for conditions, sparsities in gpu.SWEEPS:
        assert set(conditions.split()) <= set(CONDITIONS)
        assert all(0 <= float(s) < 1 for s in sparsities.split())

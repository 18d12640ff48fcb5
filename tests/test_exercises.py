"""Each solution in the notebooks passes its check, and typical wrong answers get a message of their own."""

import re
from pathlib import Path

import nbformat
import pytest
import torch

from helpers import exercises

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def solution(notebook, name):
    """The function `name` from a folded solution in a notebook."""
    for cell in nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells:
        for code in re.findall(r"```python\n(.*?)```", cell.source, re.DOTALL):
            if f"def {name}(" in code:
                scope = {"torch": torch}
                exec(code, scope)
                return scope[name]
    raise AssertionError(f"{notebook} has no solution of {name}")


def rank_mask(magnitude, count, shape):
    mask = torch.ones(magnitude.numel(), dtype=torch.bool)
    mask[magnitude.argsort()[:count]] = False
    return mask.view(shape)


def test_the_solutions_are_right(capsys):
    assert exercises.check_magnitude_mask(solution("01_magnitude_pruning", "my_magnitude_mask"))
    assert exercises.check_cubic_schedule(solution("02_pruning_while_training", "cubic_schedule"))
    assert exercises.check_csr_break_even(solution("08_what_sparsity_buys", "csr_break_even"))
    assert exercises.check_bitmask_bytes(solution("08_what_sparsity_buys", "bitmask_bytes"))
    assert exercises.check_first_loss(solution("09_your_own_experiment", "first_loss"))
    assert capsys.readouterr().out.count("✔") == 5


@pytest.mark.parametrize("wrong, message", [
    (lambda w, s: None, "nothing there yet"),
    (lambda w, s: 1 / 0, "ZeroDivisionError"),
    (lambda w, s: rank_mask(w.abs().flatten(), 3, (6,)), "shape"),
    (lambda w, s: ~rank_mask(w.abs().flatten(), round(w.numel() * s), w.shape), "wrong way round"),
    (lambda w, s: rank_mask(w.flatten(), round(w.numel() * s), w.shape), "signed"),
    (lambda w, s: w.abs() >= w.abs().flatten().sort().values[round(w.numel() * s) - 1], "> or >="),
    (lambda w, s: rank_mask(w.abs().flatten(), 3, w.shape), "prunes 3 entries"),
])
def test_wrong_masks_are_told_what_is_wrong(wrong, message, capsys):
    assert not exercises.check_magnitude_mask(wrong)
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("wrong, message", [
    (lambda t, end, final: None, "nothing there yet"),
    (lambda t, end, final: final * min(t, end) / end, "cubed"),
    (lambda t, end, final: final * (1 - min(t, end) / end) ** 3, "at the start"),
    (lambda t, end, final: final - final * (1 - t / end) ** 3, "after the end"),
])
def test_wrong_schedules_are_told_what_is_wrong(wrong, message, capsys):
    assert not exercises.check_cubic_schedule(wrong)
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("wrong, message", [
    (lambda columns: None, "nothing there yet"),
    (lambda columns: 0.5, "row ends"),
    (lambda columns: 50 + 50 / columns, "percent"),
    (lambda columns: 0.5 - 0.5 / columns, "share that is kept"),
    (lambda columns: 2 / 3 + 1 / (3 * columns), "8 bytes"),
    (lambda columns: 0.9, "set 8"),
])
def test_wrong_break_even_points_are_told_what_is_wrong(wrong, message, capsys):
    assert not exercises.check_csr_break_even(wrong)
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("wrong, message", [
    (lambda w: None, "nothing there yet"),
    (lambda w: w.nothing, "AttributeError"),
    (lambda w: 4 * int((w != 0).sum()) + w.numel(), "a bit is enough"),
    (lambda w: 4 * int((w != 0).sum()), "mask itself is missing"),
    (lambda w: 4 * int((w != 0).sum()) + w.numel() // 8, "the last one is begun"),
    (lambda w: 4 * w.numel(), "4 bytes for each kept value"),
])
def test_wrong_byte_counts_are_told_what_is_wrong(wrong, message, capsys):
    assert not exercises.check_bitmask_bytes(wrong)
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("wrong, message", [
    (lambda lost, limit: None, "nothing there yet"),
    (lambda lost, limit: lost.nothing, "AttributeError"),
    (lambda lost, limit: lost[lost >= limit].index.min(), "exactly 3 is not more"),
    (lambda lost, limit: next((s for s, value in lost.items() if value > limit), None), "should be 0.8"),
    (lambda lost, limit: lost[lost > limit].index.min(), "return None"),
])
def test_wrong_first_losses_are_told_what_is_wrong(wrong, message, capsys):
    assert not exercises.check_first_loss(wrong)
    assert message in capsys.readouterr().out

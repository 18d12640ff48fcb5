import pytest

from helpers.pruning import cubic_sparsity

RAMP = dict(begin=100, end=300, initial=0.2, final=0.8)


def test_ends():
    assert [cubic_sparsity(step, **RAMP) for step in (0, 99, 100)] == pytest.approx(
        [0.2] * 3, abs=1e-12
    )
    assert [cubic_sparsity(step, **RAMP) for step in (300, 301, 10**6)] == [0.8] * 3


@pytest.mark.parametrize("step, part_left", [(150, 0.75), (200, 0.5), (250, 0.25)])
def test_formula_of_zhu_and_gupta(step, part_left):
    assert cubic_sparsity(step, **RAMP) == pytest.approx(0.8 - 0.6 * part_left**3)


def test_halfway_from_nothing_to_ninety_percent():
    assert cubic_sparsity(5, begin=0, end=10, final=0.9) == pytest.approx(0.7875)


def test_rises_steadily_and_ever_more_slowly():
    values = [cubic_sparsity(step, **RAMP) for step in range(100, 301)]
    rises = [b - a for a, b in zip(values, values[1:])]
    assert all(rise > 0 for rise in rises)
    assert all(b < a for a, b in zip(rises, rises[1:]))


def test_one_shot_where_the_ramp_has_no_length():
    assert [cubic_sparsity(step, begin=7, end=7, final=0.5) for step in (0, 6, 7, 8)] == [
        0,
        0,
        0.5,
        0.5,
    ]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"end": 50}, "begin=100, end=50"),
        ({"final": 1.0}, "got 1.0"),
        ({"final": 60}, "for 60 percent pass 0.6"),
        ({"initial": -0.1}, "got -0.1"),
    ],
)
def test_impossible_ramps(changes, message):
    with pytest.raises(ValueError, match=message):
        cubic_sparsity(0, **RAMP | changes)


def test_sparsity_that_is_no_number():
    with pytest.raises(TypeError, match="'0.5'"):
        cubic_sparsity(0, begin=0, end=1, final="0.5")

"""The figures of notebooks 05 to 08: what is drawn is what the tables hold."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers import plots
from helpers.conditions import CONDITIONS


@pytest.fixture(autouse=True)
def axes():
    _, ax = plt.subplots()
    yield ax
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_comparisons_that_call_it_free_have_a_line_each_and_the_margin(axes):
    losses = np.linspace(0, 5, 11)
    shares = {"one": 100 - losses, "two": 50 - losses}
    plots.called_free(losses, shares, 1.5, "one seed", axes)
    one, two, margin = axes.get_lines()
    assert one.get_xydata().tolist() == [[x, 100 - x] for x in losses]
    assert two.get_ydata().tolist() == (50 - losses).tolist()
    assert one.get_marker() != two.get_marker()
    assert set(margin.get_xdata()) == {1.5}
    assert labels(axes) == ["one", "two"]


def test_parts_of_a_loss_are_stacked_unless_their_signs_differ(axes):
    parts = pd.DataFrame({"deletion": [2.0, -1.0], "restriction": [1.0, 3.0]}, index=[0.5, 0.9])
    plots.loss_in_parts(parts, "a model", axes)
    deletion, restriction = axes.containers
    assert [bar.get_height() for bar in deletion] == [2, -1]
    assert [(bar.get_y(), bar.get_height()) for bar in restriction] == [(2, 1), (0, 3)]
    assert [bar.get_x() + bar.get_width() / 2 for bar in deletion] == pytest.approx([50, 90])


def test_steps_are_marks_and_those_to_the_floor_hollow(axes):
    steps = pd.DataFrame(
        {
            "condition": ["random", "random", "info_deletion"],
            "floored": [False, True, False],
            "QQP": [1.0, 2, 3],
            "CoLA": [10.0, 20, 30],
        }
    )
    plots.steps_of_two_tasks(steps, {"QQP": 1.5, "CoLA": 15}, "Steps", axes)
    filled, hollow = (dots for dots in axes.collections[:2])
    assert filled.get_offsets().tolist() == [[1, 10]]
    assert hollow.get_offsets().tolist() == [[2, 20]]
    assert len(filled.get_facecolor()) == 1 and not len(hollow.get_facecolor())
    assert axes.get_lines()[0].get_xydata().tolist() == [[1.5, 15]]
    names = [CONDITIONS[name].label for name in ("random", "info_deletion")]
    assert labels(axes) == [*names, "the paper's sentence"]
    assert "QQP" in axes.get_xlabel() and "CoLA" in axes.get_ylabel()


def test_movement_has_a_bar_for_each_matrix(axes):
    name = "encoder.layer.3.intermediate.dense.weight"
    plots.movement_by_matrix(
        pd.DataFrame({"matrix": [name, "pooler.dense.weight"], "mean": [0.25, 0.5]}), axes
    )
    assert [bar.get_width() for bar in axes.patches] == [25, 50]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["3 feed-forward in", "pooler"]


def test_places_are_ranks_of_magnitudes(axes):
    before, after = np.array([[1.0, -2], [3, -4]]), np.array([[-4.0, 3], [2, 1]])
    plots.places(before, after, "one matrix", axes)
    assert axes.collections[0].get_offsets().tolist() == [[0, 75], [25, 50], [50, 25], [75, 0]]


def test_own_times_are_stars_in_view_of_one_batch(axes):
    rows = pd.DataFrame(
        {
            "engine": ["dense", "CSR", "CSR"],
            "batch": [1, 1, 32],
            "sparsity": [0.5, 0.9, 0.9],
            "ms": [2.0, 8, 99],
        }
    )
    axes.set_ylim(0, 3)
    plots.own_times(rows, 1, axes)
    sparse, dense = axes.get_lines()
    assert sparse.get_xydata().tolist() == [[90, 8]] and dense.get_xydata().tolist() == [[50, 2]]
    assert sparse.get_color() == plots.ENGINE_STYLE["CSR"].color
    assert axes.get_ylim()[1] > 8


def test_accuracy_against_time_has_a_labelled_point_for_each_sparsity(axes):
    line = pd.DataFrame(
        {"mean": [0.8, 0.5], "low": [0.7, 0.4], "high": [0.9, 0.7], "ms": [6.0, 3]},
        index=[0.5, 0.9],
    )
    plots.accuracy_against_time({"cut out": (line, CONDITIONS["structured"])}, (9, 0.85), axes)
    pruned, dense = [drawn for drawn in axes.get_lines() if drawn.get_marker() in "hD"]
    assert pruned.get_xydata().tolist() == [[6, 80], [3, 50]]
    assert dense.get_xydata().tolist() == [[9, 85]]
    ends = [segment[:, 1].tolist() for segment in axes.collections[0].get_segments()]
    assert ends == [pytest.approx([70, 90]), pytest.approx([40, 70])]
    assert [text.get_text() for text in axes.texts] == ["50%", "90%"]
    assert "dense, nothing pruned" in labels(axes)

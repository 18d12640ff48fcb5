"""The figures of the notebooks draw what the tables hold; times of 2:4 are of that pattern."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import same_color

from helpers import plots, structure
from helpers.conditions import CONDITIONS
from helpers.cost import speed


@pytest.fixture(autouse=True)
def axes():
    _, ax = plt.subplots()
    yield ax
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_lines_against_sparsity_are_in_percent_under_their_title():
    table = pd.DataFrame({"magnitude": [1, 0.8], "random": [1, 0.5]}, index=[0, 0.5])
    ax = plots.against_sparsity(table, "left (%)", "Magnitude keeps more")
    magnitude, chance = ax.get_lines()
    assert magnitude.get_xydata().tolist() == [[0, 100], [50, 80]]
    assert chance.get_ydata().tolist() == [100, 50]
    assert chance.get_color() == plots.method_style("random")["color"]
    assert labels(ax) == ["magnitude", "random"]
    assert (ax.get_title(loc="left") or ax.get_title()) == "Magnitude keeps more"
    assert ax.get_ylabel() == "left (%)" and "sparsity" in ax.get_xlabel()


def test_other_lines_have_markers_of_their_own_and_losses_no_percent():
    table = pd.DataFrame({"one": [1.5, 2], "two": [3, 4], "all": [5, 6]}, index=[0, 0.5])
    ax = plots.against_sparsity(
        table, "nats", "Losses", percent=False, styles={"all": {"color": "0.2", "marker": "D"}}
    )
    one, two, both = ax.get_lines()
    assert one.get_ydata().tolist() == [1.5, 2]
    assert len({one.get_marker(), two.get_marker(), both.get_marker()}) == 3
    assert both.get_color() == "0.2" and labels(ax) == ["one", "two", "all"]


def test_ends_of_intervals_are_a_band_around_the_line():
    table = pd.DataFrame({"gradual": [0.9, 0.8]}, index=[0.5, 0.9])
    ax = plots.against_sparsity(table, "accuracy (%)", "Two", ends=(table - 0.1, table + 0.1))
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(70) and heights.max() == pytest.approx(100)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_reference_line_says_what_it_is(axes, side):
    plots.reference_line(3.5, "all words equally likely", side, axes)
    (line,) = axes.get_lines()
    assert set(line.get_ydata()) == {3.5}
    (words,) = axes.texts
    assert words.get_text() == "all words equally likely" and words.get_ha() == side


def test_means_go_through_the_seeds_and_each_seed_is_marked(axes):
    index = pd.MultiIndex.from_product([[200, 400], [0, 1]], names=["steps", "seed"])
    table = pd.DataFrame({"a": [1.0, 3, 4, 8]}, index=index)
    plots.means_and_seeds(table, {"a": {"marker": "o", "color": "red"}}, axes)
    means, single = axes.get_lines()
    assert means.get_xydata().tolist() == [[200, 2], [400, 6]]
    assert single.get_xydata().tolist() == [[200, 1], [200, 3], [400, 4], [400, 8]]
    assert labels(axes) == ["a"]


def test_interval_bars_reach_from_low_to_high(axes):
    found = pd.DataFrame({"mean": [1.0, 2], "low": [0.5, 1], "high": [2.0, 4]}, index=[200, 400])
    plots.interval_bars({"gain": found}, {"gain": {"color": "blue", "marker": "o"}}, axes)
    (bars,) = axes.collections
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert ends == [[0.5, 2], [1, 4]] and labels(axes) == ["gain"]


def test_a_histogram_of_spreads_counts_each_matrix(axes):
    plots.spread_histogram([0.1, 0.2, 0.2, 0.5], "this model", axes)
    assert sum(bar.get_height() for bar in axes.patches) == 4
    assert "standard deviation" in axes.get_xlabel()


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


def test_the_interval_of_a_restriction_stands_on_its_deletion(axes):
    parts = pd.DataFrame({"deletion": [2.0, -1.0], "restriction": [1.0, 3.0]}, index=[0.5, 0.9])
    ends = pd.DataFrame({"low": [0.5, 2.0], "high": [1.5, 4.0]}, index=[0.5, 0.9])
    plots.loss_in_parts(parts, "a model", axes, ends)
    first, second = (line.get_ydata() for line in axes.get_lines()[:2])
    assert list(first) == [2.5, 3.5] and list(second) == [2, 4]


def runs(*cells):
    """Tidy rows: (condition, sparsity, seed, accuracy) each."""
    names = ["condition", "sparsity", "seed", "value"]
    table = pd.DataFrame(cells, columns=names)
    return table.assign(model="m", task="cola", metric="accuracy", profile="tiny")


PAIRS = runs(
    *(("prune_pretrain", s, seed, 0.8 - s / 10) for s in (0.5, 0.8) for seed in (0, 1)),
    *(("info_deletion", s, seed, 0.8 + seed / 100) for s in (0.5, 0.8) for seed in (0, 1)),
    *(("dense", 0.0, seed, 0.9) for seed in (0, 1)),
)


def test_each_seed_of_a_comparison_is_a_dot_beside_the_mean(axes):
    plots.paired_seeds(PAIRS, "info_deletion", "prune_pretrain", shift=2, ax=axes)
    dots = axes.collections[0].get_offsets()
    assert sorted(dots[:, 1]) == pytest.approx([5, 6, 8, 9])
    means = axes.containers[0].lines[0]
    assert means.get_xdata() == pytest.approx([52, 82])
    assert means.get_ydata() == pytest.approx([5.5, 8.5])
    assert same_color(means.get_color(), CONDITIONS["info_deletion"].color)


def test_names_at_the_ends_of_lines_do_not_overprint(axes):
    axes.set_ylim(0, 100)
    ends = {"one": (1, 50.0, "red"), "two": (1, 50.5, "blue"), "far": (1, 90.0, "k")}
    plots.label_ends(ends, axes)
    heights = {text.get_text(): text.xy[1] for text in axes.texts}
    assert heights["one"] == 50 and heights["far"] == 90
    assert heights["two"] - heights["one"] > 4


def test_labelled_curves_name_each_line_where_it_ends(axes):
    plots.labelled_curves(PAIRS, conditions=("prune_pretrain", "info_deletion"), ax=axes)
    names = {text.get_text().replace("\n", " "): text.xy for text in axes.texts}
    assert names["pruned in pre-training"] == pytest.approx((80, 72))
    assert names["information deletion"][0] == pytest.approx(80) and axes.get_legend() is None


def test_an_arrow_says_what_free_zeros_gain(axes):
    plots.unlocked(PAIRS[PAIRS.seed == 0], "Free", axes)
    told = [text.get_text() for text in axes.texts]
    assert "+5.0 points" in told and "+8.0 points" in told and "dense" in told
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["50% pruned", "80% pruned"]


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


def test_own_times_are_stars_of_one_batch_in_the_colours_of_the_engines(axes):
    rows = pd.DataFrame(
        [(0.5, "CSR", 1, 8.0), (0.9, "CSR", 1, 2.0), (0.9, "int8", 1, 3.0), (0.9, "CSR", 32, 70.0)],
        columns=["sparsity", "engine", "batch", "ms"],
    )
    plots.own_times(rows, 1, axes)
    csr, int8 = axes.get_lines()
    assert csr.get_xydata().tolist() == [[50, 8], [90, 2]]
    assert int8.get_xydata().tolist() == [[90, 3]]
    for line, engine in ((csr, "CSR"), (int8, "int8")):
        assert (line.get_marker(), line.get_linestyle()) == ("*", "None")
        assert same_color(line.get_color(), plots.ENGINE_STYLE[engine].color)


def test_accuracy_against_time_has_intervals_sparsities_and_dense(axes):
    line = pd.DataFrame(
        {"ms": [4.0, 2.0], "mean": [0.7, 0.6], "low": [0.65, 0.5], "high": [0.8, 0.7]},
        index=[0.25, 0.5],
    )
    kinds = {"cut out": (line, CONDITIONS["structured"])}
    plots.accuracy_against_time(kinds, (8.0, 0.75), axes)
    points, caps, (ends,) = axes.containers[0].lines
    assert points.get_xydata() == pytest.approx(line[["ms", "mean"]].to_numpy() * [1, 100])
    drawn = [segment[:, 1].tolist() for segment in ends.get_segments()]
    assert drawn == [pytest.approx([65, 80]), pytest.approx([50, 70])]
    assert [text.get_text() for text in axes.texts] == ["25%", "50%"]
    dense = next(one for one in axes.get_lines() if one.get_label() == "dense, nothing pruned")
    assert dense.get_xydata().tolist() == [[8, 75]]
    assert same_color(dense.get_color(), CONDITIONS["dense"].color)
    named = {text.get_text() for text in axes.get_legend().get_texts()}
    assert named == {"cut out", "dense, nothing pruned"}


def test_two_of_four_is_timed_with_the_pattern_in_each_batch(monkeypatch):
    shares = []

    def engine(model):
        weights = structure.layer_matrices(model).values()
        shares.append({float((weight == 0).float().mean()) for weight in weights})
        return lambda ids: torch.zeros(len(ids), 1)

    monkeypatch.setattr(speed, "half_on_gpu", engine)
    monkeypatch.setattr(speed, "two_of_four", engine)
    times = speed.two_of_four_times("BERT-tiny", tokens=4, batches=(1, 2), repeats=2)
    assert shares == [{0.5}, {0.5}]
    assert times.engine.tolist() == ["dense, half precision", "2:4, half precision"] * 2
    assert times.batch.tolist() == [1, 1, 2, 2]

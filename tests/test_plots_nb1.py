"""The figures of notebooks 01 to 03: what is drawn is what the tables hold."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers import plots


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


def test_each_head_is_a_dot(axes):
    rows = pd.DataFrame(
        {
            "overall": [0.3, 0.3, 0.6, 0.6],
            "layer": [0, 1, 0, 1],
            "sparsity": [0.25, 0.35, 0.5, 0.7],
        }
    )
    plots.head_dots(rows, "Each dot is an attention head", axes)
    drawn = np.concatenate([dots.get_offsets() for dots in axes.collections])
    assert sorted(drawn[:, 1]) == pytest.approx([25, 35, 50, 70])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["30", "60"]

"""What figures draw, and at which numbers."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from helpers import analysis, paper, plots
from helpers.conditions import CONDITIONS

PAPER = paper.table1_rows()
OURS = {
    ("dense", 0.0): (0.90, 0.92, 0.91),
    ("prune_pretrain", 0.5): (0.80, 0.84, 0.81),
    ("prune_pretrain", 0.9): (0.60, 0.61, 0.63),
    ("info_deletion", 0.9): (0.70, 0.73, 0.71),
    ("from_scratch", 0.0): (0.55, 0.57, 0.56),
    ("majority", 0.0): (0.50, 0.50, 0.50),
}


def tidy(values, metric="accuracy", task="cola"):
    return pd.DataFrame(
        [
            dict(
                profile="p",
                model="m",
                condition=condition,
                sparsity=sparsity,
                task=task,
                seed=seed,
                learning_rate=1e-3,
                metric=metric,
                value=value,
            )
            for (condition, sparsity), of_seeds in values.items()
            for seed, value in enumerate(of_seeds)
        ]
    )


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def lines(ax, color, marker=None):
    """The lines of a colour with markers of their own, as (x, y)."""
    return [
        (line.get_xdata().tolist(), line.get_ydata().tolist())
        for line in ax.get_lines()
        if same_color(line.get_color(), color) and line.get_marker() not in ("None", "", "*")
    ]


def band(ax, number=0):
    """Lower and upper end of a band at each x."""
    x, y = ax.collections[number].get_paths()[0].vertices.T
    return {at: (y[x == at].min(), y[x == at].max()) for at in np.unique(x).tolist()}


def texts(ax):
    return [text.get_text() for text in ax.texts]


# Curves


def test_a_curve_starts_at_dense_and_has_the_interval_of_its_seeds(ax):
    plots.curves({"ours": tidy(OURS)}, conditions=("prune_pretrain",), ax=ax)
    [(x, y)] = lines(ax, CONDITIONS["prune_pretrain"].color)
    assert x == [0, 50, 90] and y == pytest.approx([91, 81.667, 61.333], abs=1e-3)
    expected = [100 * end for end in analysis.interval(OURS["prune_pretrain", 0.5])[1:]]
    assert band(ax)[50] == pytest.approx(expected)
    assert ax.get_ylabel() == "accuracy (%)"
    # left in the course's style, which another test may have set
    assert (ax.get_title(loc="left") or ax.get_title()) == "mean over 1 task"


def test_differences_have_the_intervals_that_the_rule_reads(ax):
    plots.curves({"ours": tidy(OURS)}, conditions=("prune_pretrain",), relative=True, ax=ax)
    rule = 100 * analysis.differences(tidy(OURS), "prune_pretrain")
    [(x, y)] = lines(ax, CONDITIONS["prune_pretrain"].color)
    assert x == [0, 50, 90] and y == pytest.approx([0, *rule["mean"]])
    for sparsity, row in rule.iterrows():
        assert band(ax)[100 * sparsity] == pytest.approx((row.low, row.high))
    assert ax.get_ylabel() == "accuracy against dense (points)"


def test_every_source_has_a_line_style_and_the_first_full_markers(ax):
    plots.curves({"ours": tidy(OURS), "theirs": PAPER}, conditions=("prune_pretrain",), ax=ax)
    drawn = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert len({line.get_linestyle() for line in drawn}) == 2
    assert drawn[0].get_markerfacecolor() != "white" == drawn[1].get_markerfacecolor()
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert entries == ["pruned in pre-training", "ours", "theirs"]


@pytest.mark.parametrize("metric, names", [("accuracy", 3), ("mlm_loss", 0)])
def test_floors_stand_at_their_values_with_names(ax, metric, names):
    plots.curves({"ours": tidy(OURS, metric)}, metric, ("prune_pretrain",), ax=ax)
    assert texts(ax) == ["dense", "from scratch", "majority label"][:names]
    if names:
        assert [text.xy[1] for text in ax.texts] == pytest.approx([91, 56, 50])


def test_curves_without_floors_or_conditions(ax):
    plots.curves({"ours": tidy(OURS)}, conditions=("random",), floors=False, ax=ax)
    assert not ax.get_lines() and not texts(ax) and not ax.get_legend().get_texts()


@pytest.mark.parametrize(
    "metric, task, count",
    [
        ("accuracy", "cola", 1),
        ("accuracy", "sst2", 0),
        ("accuracy", None, 0),
        ("mlm_loss", None, 2),
    ],
)
def test_own_runs_are_stars_of_their_task(ax, metric, task, count):
    mine = pd.concat(
        [
            tidy({("prune_pretrain", 0.7): (0.75,)}),
            tidy({("random", 0.7): (2.5,), ("prune_pretrain", 0.7): (2.1,)}, "mlm_loss"),
        ]
    )
    legend = plots.own_runs(mine, metric, task, ax)
    stars = ax.get_lines()
    assert len(stars) == count and [entry.get_label() for entry in legend] == (
        ["your own run"] if count else []
    )
    if metric == "accuracy" and count:
        assert (stars[0].get_xdata()[0], stars[0].get_ydata()[0]) == (70, 75)


def test_bands_can_be_left_out(ax):
    tables = {"ours": analysis.curve_table(tidy(OURS))}
    shown = plots.curve_lines(tables, "accuracy", plots.THE_FOUR, bands=False, ax=ax)
    assert shown == ["prune_pretrain", "info_deletion"] and not ax.collections
    plots.curve_lines(tables, "accuracy", plots.THE_FOUR, ax=ax)
    assert len(ax.collections) == 2


# Differences and regimes


def test_lines_are_named_at_the_right_edge_in_place_of_a_legend(ax):
    (flat,) = ax.plot([0, 50], [1, 1], "o-", color="red", label="flat")
    ax.plot([0, 90], [0, 8], "s-", color="blue", label="a steep line with a long name")
    (star,) = ax.plot([10], [4], "*", color="blue", linestyle="", label="your own run")
    plots.legend_at_ends(ax)
    named = {text.get_text(): text for text in ax.texts}
    assert set(named) == {"flat", "a steep line with\na long name"}
    assert same_color(named["flat"].get_color(), "red") and named["flat"].xy == (90, 1)
    assert named["a steep line with\na long name"].xy[1] == 8
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["your own run"]
    assert ax.get_xlim()[1] == pytest.approx(90, abs=2)


def test_small_multiples_show_one_condition_each_before_the_others():
    figure, axes = plt.subplots(1, 2, sharey=True)
    titles = plots.small_multiples(tidy(OURS), ("prune_pretrain", "info_deletion"), axes)
    assert titles[0].endswith("-29.7 points at 90%") and titles[1].endswith("-19.7 points at 90%")
    for ax, condition in zip(axes, ("prune_pretrain", "info_deletion")):
        [(x, y)] = lines(ax, CONDITIONS[condition].color)
        rule = 100 * analysis.differences(tidy(OURS), condition)
        assert x[1:] == [100 * s for s in rule.index] and y[1:] == pytest.approx([*rule["mean"]])
        assert len([line for line in ax.get_lines() if line.get_color() == "0.8"]) == 2
    plt.close(figure)


def test_against_dense_draws_what_the_rule_reads(ax):
    plots.against_dense(
        {"paper": PAPER, "none": tidy({("dense", 0.0): (0.9,)})}, "info_deletion", ax=ax
    )
    rule = 100 * analysis.differences(PAPER, "info_deletion").iloc[1:]
    line = next(line for line in ax.get_lines() if line.get_label() == "paper")
    assert line.get_xdata() == pytest.approx([0, *range(10, 100, 10)])
    assert line.get_ydata() == pytest.approx([0, *rule["mean"]])
    assert band(ax)[90] == pytest.approx((rule.low.iloc[-1], rule.high.iloc[-1]))


def test_results_of_ones_own_stand_beside_the_courses(ax):
    mine = tidy(OURS, task="mine")
    course = {f"model {n}": PAPER for n in range(5)} | {"none": tidy(OURS, metric="f1")}
    plots.beside_the_course({"yours": mine, "theirs": PAPER[PAPER.task == "cola"]}, course, ax=ax)
    drawn = {line.get_label(): line for line in ax.get_lines()}
    rule = 100 * analysis.differences(mine, "prune_pretrain")["mean"]
    assert drawn["yours"].get_ydata() == pytest.approx([0, rule[0.5], rule[0.9]])
    assert drawn["yours"].get_marker() == "*" != drawn["model 4"].get_marker()
    # two tasks of one's own: the course's lines are means over all of theirs
    mean = 100 * analysis.differences(PAPER, "prune_pretrain")["mean"]
    assert drawn["model 0"].get_ydata()[-1] == pytest.approx(mean[0.9]) and "none" not in drawn
    assert {"yours", "theirs", "model 4"} <= set(texts(ax))
    title = " ".join(ax.get_title(loc="left").split() or ax.get_title().split())
    assert f"{-rule[0.9]:.1f} points at 90% (yours)" in title


def test_a_source_of_ones_own_may_be_called_as_the_courses(ax):
    mine, loss = tidy(OURS, task="mine"), tidy(OURS, metric="mlm_loss", task="mine")
    plots.beside_the_course({"paper": mine}, {"paper": PAPER}, ax=ax)
    rule = 100 * analysis.differences(mine, "prune_pretrain")["mean"]
    (line,) = [line for line in ax.get_lines() if line.get_label() == "paper"]
    assert line.get_ydata()[-1] == pytest.approx(rule[0.9])
    plots.beside_the_course({"yours": loss}, {}, metric="mlm_loss", ax=ax)
    rule = analysis.differences(loss, "prune_pretrain", metric="mlm_loss")["mean"]
    title = ax.get_title(loc="left") or ax.get_title()
    assert f"Against dense: {rule[0.9]:+.2f} at 90% (yours)" in title


def test_a_task_that_the_course_has_is_compared_on_that_task(ax):
    mine = tidy(OURS, task="cola")
    plots.beside_the_course({"yours": mine}, {"paper": PAPER}, ax=ax)
    (line,) = [line for line in ax.get_lines() if line.get_label() == "paper"]
    cola = 100 * analysis.differences(PAPER[PAPER.task == "cola"], "prune_pretrain")["mean"]
    assert line.get_ydata()[-1] == pytest.approx(cola[0.9])
    with pytest.raises(ValueError, match="yours: nothing to draw.*runs of dense and of random"):
        plots.beside_the_course({"yours": mine}, {}, "random", ax=ax)


def test_the_regimes_figure_draws_what_the_rule_reads(ax):
    plots.regime_differences(PAPER, ax)
    table = 100 * analysis.regimes(PAPER).table.loc[0.1:]
    drawn = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    assert drawn["lost by pruning"] == pytest.approx(table.pruned_loss.to_numpy())
    assert drawn["lost by information deletion"] == pytest.approx(table.deletion_loss.to_numpy())
    regained = drawn["regained by letting the weights move"]
    assert regained == pytest.approx(table.regained.to_numpy())
    assert band(ax)[90] == pytest.approx((table.pruned_loss_low[0.9], table.pruned_loss_high[0.9]))


def test_regimes_are_shaded_where_the_rule_finds_them(ax):
    plots.shade_regimes(PAPER, ax)
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
    assert np.array(spans) == pytest.approx(np.array([(0, 45), (45, 55), (55, 65), (65, 95)]))
    assert texts(ax) == ["free", "?", "deletion", "deletion\nand restriction"]
    hatches = [patch.get_hatch() for patch in ax.patches]
    assert hatches[0] != hatches[2] != hatches[3]


def test_the_map_shows_each_regime_where_the_rule_finds_it(ax):
    plots.regime_map({"ours": tidy(OURS), "the paper's": PAPER}, ax)
    shown = {(round(text.xy[0]), text.xy[1]): text.get_text() for text in ax.texts}
    expected = ["free"] * 4 + ["?", "del"] + ["del\n+ res"] * 3
    assert [shown[s, 1] for s in range(10, 100, 10)] == expected
    ours = {s: text for (s, row), text in shown.items() if row == 0}
    # 50% has no information deletion, so that no cause can be certain there
    assert set(ours) == {50, 90} and ours[50] in ("free", "?")


@pytest.mark.parametrize("part", ["color", "letters", "hatch"])
def test_regimes_are_told_apart_by_colour_and_by_letters(part):
    values = [style[["color", "letters", "hatch"].index(part)] for style in plots.REGIMES.values()]
    told_apart = [value for value in values if value]
    assert len(set(told_apart)) == len(told_apart) >= 3


def test_a_fitted_line_for_each_task(ax):
    values = {("info_deletion", s): (0.9 - 0.1 * s,) for s in (0.0, 0.5, 0.9)}
    losses = {key: (2 + key[1],) for key in values}
    plots.loss_against_accuracy(pd.concat([tidy(values), tidy(losses, "mlm_loss")]), ax=ax)
    points, line = ax.get_lines()
    assert points.get_xdata().tolist() == pytest.approx([2, 2.5, 2.9])
    assert line.get_label() == "CoLA: -10.0 points per nat"
    assert line.get_ydata() == pytest.approx([90, 81])


# Other figures


@pytest.mark.parametrize("threshold, below", [(None, 0), (0.5, 5), (2.0, 10)])
def test_bins_below_the_threshold_have_a_colour_of_their_own(ax, threshold, below):
    counts, edges = np.arange(1, 11), np.linspace(0, 1, 11)
    plots.magnitude_histogram(counts, edges, threshold, ax)
    pruned = [p for p in ax.patches if same_color(p.get_facecolor(), plots.PRUNED_COLOR)]
    assert sum(len(patch.get_data().values) for patch in pruned) == below
    assert sum(patch.get_data().values.sum() for patch in ax.patches) == 55
    assert texts(ax) == ["  threshold"] * (threshold is not None)


def test_schedules_in_percent(ax):
    plots.schedule_lines({"cubic": ([0, 10], [0.0, 0.7])}, ax)
    assert ax.get_lines()[0].get_ydata().tolist() == pytest.approx([0, 70])


def test_mask_differences_beside_independent_masks(ax):
    plots.mask_differences({"CoLA": ([0.5, 0.9], [0.02, 0.06])}, ax)
    independent, ours = ax.get_lines()
    assert ours.get_ydata() == pytest.approx([2, 6])
    at_half = np.interp(50, independent.get_xdata(), independent.get_ydata())
    assert at_half == pytest.approx(50, abs=0.1)


def test_sizes_as_a_share_of_dense(ax):
    sizes = pd.DataFrame(
        [("dense", 0.5, 200), ("dense", 0.9, 200), ("csr", 0.9, 50), ("csr", 0.5, 220)],
        columns=["format", "sparsity", "bytes"],
    )
    plots.format_sizes(sizes, ax, only=["csr"])
    [line] = ax.get_lines()
    assert line.get_xdata().tolist() == [50, 90] and line.get_ydata().tolist() == [110, 25]


def test_a_map_of_layers_and_matrices():
    names = ["1 key", "0 query", "0 key", "pooler", "0 other", "10 key"]
    grid = plots.layer_grid(pd.Series(range(6), names, dtype=float))
    assert grid.index.tolist() == ["0", "1", "10"]
    assert grid.columns.tolist() == ["query", "key", "other"] and grid.loc["1", "key"] == 0


def test_figures_need_no_training():
    """A page of figures starts fast: neither transformers nor accelerate nor datasets is loaded."""
    code = (
        "import sys, helpers.plots; "
        "print(*{'transformers', 'accelerate', 'datasets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import nn
from transformers import BertModel

from helpers import analysis, conditions, paper, pruning, weights
from helpers.lab import store

# The paper's tables


def test_table1_is_whole():
    table = paper.table1()
    assert len(table) == 240 == len(table[["condition", "pruned_pct", "task"]].drop_duplicates())
    assert set(table.condition) == {"prune_pretrain", "info_deletion", "prune_downstream", "random"}
    assert sorted(set(table.pruned_pct)) == list(range(0, 100, 10))
    assert set(table.task) == {*paper.TASKS, "AVG"}


@pytest.mark.parametrize("column, rounding", [("dev_acc", 0.11), ("train_loss", 0.006)])
def test_table1_averages_are_the_means_of_its_tasks(column, rounding):
    table = paper.table1().pivot(index=["condition", "pruned_pct"], columns="task", values=column)
    assert (
        len(table) == 40
        and (table.drop(columns="AVG").mean(axis=1) - table.AVG).abs().max() < rounding
    )


def test_numbers_that_the_paper_quotes():
    table = paper.table1().set_index(["condition", "pruned_pct", "task"]).sort_index()
    dense = table.loc[("prune_pretrain", 0)]
    assert dense.dev_acc.to_dict() == {
        "MNLI": 83.1,
        "QQP": 90.5,
        "QNLI": 91.1,
        "SST-2": 92.1,
        "CoLA": 79.1,
        "AVG": 87.2,
    }
    assert (
        table.loc[("prune_pretrain", 90, "CoLA")].dev_acc == 69.1
    )  # the majority class: 721 of 1,043


def test_table1_as_tidy_rows():
    rows = paper.table1_rows()
    assert list(rows.columns) == store.COLUMNS and set(rows.task) == set(paper.TASKS.values())
    assert set(rows.condition) - {"dense", "majority"} == set(paper.table1().condition) and set(
        rows.condition
    ) <= set(conditions.CONDITIONS)
    assert (
        rows[rows.metric == "accuracy"].value.between(0.3, 1).all()
        and rows.sparsity.between(0, 0.9).all()
    )
    dense = rows[(rows.condition == "dense") & (rows.metric == "accuracy")].set_index("task").value
    assert dense.to_dict() == pytest.approx(
        {"mnli": 0.831, "qqp": 0.905, "qnli": 0.911, "sst2": 0.921, "cola": 0.791}
    )


def test_table2():
    table = paper.table2()
    assert (
        len(table) == 20
        and set(table.task) == set(paper.TASKS)
        and sorted(set(table.learning_rate)) == [2e-5, 3e-5, 4e-5, 5e-5]
    )
    assert table.moved_pct_mean.between(0.79, 4.12).all()


def test_table3_has_the_74_matrices():
    table = paper.table3()
    assert len(table) == 74 and table.layer.isna().sum() == 2
    assert (table.groupby("layer").matrix.nunique() == 6).all() and set(
        table.layer.dropna()
    ) == set(range(12))
    assert table["std"].between(0.027, 0.048).all()


def test_tables_are_copies():
    table = paper.table1()
    table["dev_acc"] = 0
    assert paper.table1().dev_acc.max() > 90


# Intervals


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [0.81, 0.79, 0.84, 0.80, 0.80]])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_interval_is_that_of_students_t(values, confidence):
    n, mean = len(values), sum(values) / len(values)
    error = (sum((value - mean) ** 2 for value in values) / (n - 1) / n) ** 0.5
    assert analysis.interval(values, confidence) == pytest.approx(
        (mean, *stats.t.interval(confidence, n - 1, mean, error))
    )


def test_interval_in_numbers():
    assert analysis.interval([1, 2, 3]) == pytest.approx((2, 2 - 2.48414, 2 + 2.48414), abs=1e-5)


def test_interval_of_one_value_has_no_ends():
    mean, low, high = analysis.interval([0.7])
    assert mean == 0.7 and np.isnan(low) and np.isnan(high)


def rows(values, model="m"):
    """Tidy accuracy rows from {(condition, sparsity, task, seed): value}."""
    return pd.DataFrame(
        [
            dict(
                profile="p",
                model=model,
                condition=c,
                sparsity=s,
                task=t,
                seed=seed,
                learning_rate=1e-3,
                metric="accuracy",
                value=value,
            )
            for (c, s, t, seed), value in values.items()
        ]
    )


def test_intervals_group_by_group():
    table = analysis.intervals(
        pd.DataFrame({"sparsity": [0, 0, 0, 0.5], "value": [1.0, 2, 3, 7]}), by=("sparsity",)
    )
    assert list(table.columns) == ["sparsity", "mean", "low", "high", "seeds"]
    assert (
        table["mean"].tolist() == [2, 7]
        and table.seeds.tolist() == [3, 1]
        and table.low[0] == pytest.approx(-0.48414, abs=1e-5)
    )


def test_differences_are_seed_by_seed():
    """Seeds that differ a lot, a condition better by the same for each: only that counts."""
    frame = rows(
        {
            (condition, sparsity, "cola", seed): seed / 10 + plus
            for condition, sparsity, plus in (
                ("prune_pretrain", 0.5, 0.02),
                ("random", 0.5, 0),
                ("dense", 0.0, 0.3),
            )
            for seed in range(3)
        }
    )
    ends = ["mean", "low", "high"]
    same = analysis.differences(frame, "prune_pretrain", "random").loc[0.5]
    assert same.seeds == 3 and same[ends].tolist() == pytest.approx([0.02] * 3)
    dense = analysis.differences(frame, "prune_pretrain").loc[0.5]
    assert dense[ends].tolist() == pytest.approx([-0.28] * 3)
    other_way = analysis.negative(analysis.differences(frame, "prune_pretrain")).loc[0.5]
    assert other_way[ends].tolist() == pytest.approx([0.28] * 3)


def test_a_difference_in_words_says_its_interval_or_that_there_is_none():
    row = pd.Series({"mean": 0.0123, "low": -0.0004, "high": 0.025})
    assert analysis.in_points(row) == "+1.2 points (0.0 to 2.5)"
    row[["low", "high"]] = np.nan
    assert analysis.in_points(row) == "+1.2 points (one run, no interval)"


# Means over tasks


def test_task_mean_is_over_the_same_tasks_everywhere():
    frame = rows(
        {("dense", 0, "cola", 0): 0.8, ("dense", 0, "sst2", 0): 0.9, ("dense", 0, "cola", 1): 0.7}
    )
    means = analysis.task_mean(frame)
    assert means.seed.tolist() == [0] and means.value.tolist() == pytest.approx([0.85])


@pytest.mark.parametrize("metric, expected", [("accuracy", 0.9), ("train_loss", 0.8)])
def test_task_mean_takes_the_best_learning_rate(metric, expected):
    frame = pd.concat(
        [
            rows({("dense", 0, "cola", 0): value}).assign(learning_rate=rate)
            for rate, value in ((1, 0.8), (2, 0.9))
        ]
    )
    assert analysis.task_mean(frame.assign(metric=metric), metric).value.tolist() == [expected]


# Regimes


def synthetic(pruned, deleted, dense=0.9, noise=(-0.001, 0.0, 0.001)):
    """A sweep with a seed for each value of `noise`; the conditions get it in other orders."""
    values = {}
    for seed, e in enumerate(noise):
        values[("dense", 0.0, "cola", seed)] = dense
        values |= {("prune_pretrain", s, "cola", seed): v + e for s, v in pruned.items()}
        values |= {
            ("info_deletion", s, "cola", seed): v + noise[seed - 1] for s, v in deleted.items()
        }
    return rows(values)


def seeds(values):
    """A row a seed from {sparsity: [value of seed 0, 1, ...]}."""
    parts = [(s, seed, v) for s, column in values.items() for seed, v in enumerate(column)]
    return pd.DataFrame(parts, columns=["sparsity", "seed", "value"])


def test_few_seeds_pool_their_variances():
    """3 and 2 seeds, uncorrelated: the variance is 4/3, with the 2 + 1 degrees of freedom."""
    table = analysis.seed_intervals(seeds({0.1: [1.0, 3.0, 2.0], 0.2: [5.0, 5.0]}))
    assert table["mean"].tolist() == [2, 5]
    variance = (1 + 1 + 0 + 0 + 0) / 3
    assert table.deviation.tolist() == pytest.approx([variance**0.5] * 2)
    assert table.freedom.tolist() == pytest.approx([3, 3])
    half = [(variance / n) ** 0.5 * stats.t.ppf(0.975, 3) for n in (3, 2)]
    assert (table.high - table["mean"]).tolist() == pytest.approx(half)
    assert (table["mean"] - table.low).tolist() == pytest.approx(half)


@pytest.mark.parametrize(
    "second, freedom",
    [
        ([1.0, 2.0, 3.0], 2),  # the same noise twice is known only once
        ([1.0, 4.0, 1.0], 4),  # r = 0
        ([3.0, 2.0, 1.0], 2),  # r = -1
    ],
)
def test_shared_noise_adds_no_degrees_of_freedom(second, freedom):
    """Two sparsities of three seeds: (2 + 2) / (1 + r²)."""
    found = analysis.pooled_deviation(seeds({0.1: [1.0, 2.0, 3.0], 0.2: second}))
    assert found[1] == pytest.approx(freedom)


def test_five_seeds_speak_for_themselves():
    """The noise at 70% is ten times that at 30% and changes nothing there."""
    noise = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    table = analysis.seed_intervals(seeds({0.3: 1 + noise, 0.7: 5 + 10 * noise, 0.8: [3.0, 4.0]}))
    for sparsity, scale, mean in ((0.3, 1, 1), (0.7, 10, 5)):
        expected = analysis.interval(mean + scale * noise)
        assert table.loc[sparsity, ["mean", "low", "high"]].tolist() == pytest.approx(expected)
    assert table.freedom.loc[[0.3, 0.7]].tolist() == [4, 4]
    assert table.deviation[0.8] > 5  # two seeds borrow from all


def test_a_sparsity_with_a_collapsed_run_speaks_for_itself():
    values = seeds({0.3: [1.0, 3.0, 2.0], 0.5: [1.0, 1.0, 4.0], 0.7: [9.0, 9.0, 0.0]})
    alone = analysis.seed_intervals(values[values.sparsity < 0.7])
    fallen = (values.sparsity == 0.7) & (values.seed == 2)
    table = analysis.seed_intervals(values.assign(collapsed=fallen))
    assert table.collapsed.tolist() == [0, 0, 1]
    pd.testing.assert_frame_equal(table.loc[[0.3, 0.5]], alone)
    assert table.loc[0.7, ["mean", "low", "high"]].tolist() == pytest.approx(
        analysis.interval([9, 9, 0])
    )
    hidden = analysis.seed_intervals(values)
    half = lambda found: (found.high - found["mean"])[0.3]
    assert half(hidden) > 2 * half(alone)


def test_intervals_of_single_values():
    single = seeds({0.1: [1.0], 0.2: [2.0]})
    assert analysis.seed_intervals(single).low.isna().all()
    assert analysis.seed_intervals(single, (0.5, 3)).low.tolist() == pytest.approx(
        [1 - 0.5 * stats.t.ppf(0.975, 3), 2 - 0.5 * stats.t.ppf(0.975, 3)]
    )


@pytest.mark.parametrize("shared", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("count, least", [(3, 0.92), (10, 0.935)])
def test_intervals_cover_the_truth(shared, count, least):
    """Also where all sparsities subtract the same dense runs, with up to three times the noise."""
    rng, hits = np.random.default_rng(0), []
    for _ in range(300):
        noise = rng.normal(size=(6, count)) + shared * rng.normal(size=count)
        table = analysis.seed_intervals(seeds(dict(enumerate(noise))))
        hits += ((table.low < 0) & (table.high > 0)).tolist()
    assert least < np.mean(hits) < 0.985


@pytest.mark.parametrize("deviation, half", [(1.0, 1.0), (2.0, 1.0), (1.0, 0.3)])
def test_seeds_needed_is_the_least_number_that_does(deviation, half):
    width = lambda n: stats.t.ppf(0.975, n - 1) * deviation / n**0.5
    n = analysis.seeds_needed(deviation, half)
    assert width(n) <= half < width(n - 1)
    assert analysis.seeds_needed(1, 0.01) is None and analysis.seeds_needed(0, 0) == 2


# Collapsed runs


def cell(values, condition="prune_pretrain"):
    return rows({(condition, 0.7, "cola", seed): v for seed, v in enumerate(values)})


CONSTANT = rows({("majority", 0.0, "cola", 0): 0.5})


@pytest.mark.parametrize(
    "values, fallen",
    [
        ([0.8, 0.5, 0.81], [1]),
        ([0.8, 0.504, 0.46, 0.81], [1, 2]),  # at the constant answer, or below
        ([0.8, 0.51, 0.81], []),
        ([0.8, 0.5, 0.5], [1, 2]),  # most of them
        ([0.53, 0.5, 0.54], []),  # the others are hardly better
        ([0.5], []),
    ],
)
def test_collapsed_runs(values, fallen):
    found = analysis.collapsed(pd.concat([cell(values), CONSTANT]))
    assert found.seed.tolist() == fallen and (found.constant == 0.5).all()


def test_without_the_constant_answer_no_run_has_collapsed():
    assert analysis.collapsed(cell([0.8, 0.5, 0.81])).empty
    assert analysis.collapsed(CONSTANT).empty


def test_a_collapsed_run_stays_in_the_mean_of_all_metrics_and_is_counted():
    accuracy = pd.concat([cell([0.8, 0.5, 0.8]), cell([0.7, 0.7, 0.7], "random"), CONSTANT])
    loss = accuracy.assign(metric="train_loss", value=1 - accuracy.value)
    frame = pd.concat([accuracy, loss])
    for metric, mean in (("accuracy", 0.0), ("train_loss", 0.0)):
        found = analysis.differences(frame, "prune_pretrain", "random", metric).loc[0.7]
        assert (found.seeds, found.collapsed) == (3, 1) and found["mean"] == pytest.approx(mean)


def test_a_collapsed_dense_run_counts_at_every_sparsity():
    frame = pd.concat([cell([0.8, 0.8, 0.81]), CONSTANT])
    dense = rows({("dense", 0.0, "cola", seed): v for seed, v in enumerate([0.9, 0.5, 0.9])})
    assert analysis.differences(pd.concat([frame, dense]), "prune_pretrain").collapsed[0.7] == 1


def test_spread_of_the_papers_unpruned_rows():
    averages = (
        np.array(
            [
                np.mean([83.1, 90.5, 91.1, 92.1, 79.1]),
                np.mean([83.0, 90.6, 90.0, 92.1, 80.6]),
                np.mean([82.6, 90.6, 90.1, 92.1, 78.7]),
                np.mean([83.3, 90.5, 90.6, 92.4, 78.7]),
            ]
        )
        / 100
    )
    spread, freedom = analysis.unpruned_spread(paper.table1_rows())
    assert freedom == 3 and spread == pytest.approx(averages.std(ddof=1) * 2**0.5)
    assert analysis.unpruned_spread(rows({("dense", 0, "cola", 0): 0.8})) is None


def test_differences_of_another_metric():
    """The training losses of two seeds: 0.1 and 0.3 lower, so 0.2 ± 12.7 standard errors of 0.1."""
    frame = rows(
        {
            (c, 0.5, "cola", seed): v
            for c, values in (("prune_pretrain", (0.5, 0.6)), ("info_deletion", (0.4, 0.3)))
            for seed, v in enumerate(values)
        }
    ).assign(metric="train_loss")
    found = analysis.differences(frame, "info_deletion", "prune_pretrain", "train_loss").loc[0.5]
    assert found["mean"] == pytest.approx(-0.2)
    assert found.high == pytest.approx(-0.2 + 0.1 * stats.t.ppf(0.975, 1))


def test_a_reference_at_another_sparsity():
    frame = rows({("info_deletion", s, "cola", 0): v for s, v in ((0.0, 0.9), (0.5, 0.7))})
    found = analysis.differences(frame, "info_deletion", "info_deletion", at=0.0)
    assert found["mean"].tolist() == pytest.approx([0, -0.2])


def test_regimes_of_a_synthetic_sweep():
    found = analysis.regimes(
        synthetic(
            {0.3: 0.897, 0.4: 0.894, 0.5: 0.84, 0.7: 0.70, 0.9: 0.55, 0.95: 0.50},
            {0.3: 0.897, 0.4: 0.894, 0.5: 0.84, 0.7: 0.70, 0.9: 0.70, 0.95: 0.90},
            noise=(-0.002, 0.0, 0.002),
        )
    )
    assert (
        found.free_up_to == 0.3 and found.shown_free_up_to == 0.3
    )  # the loss at 40% is certain, and may be more than a point
    assert found.deletion == [0.4, 0.5, 0.7, 0.9]  # at 0.95 everything is regained
    assert found.restriction == [0.9, 0.95]
    assert found.table.loc[
        0.9, ["pruned_loss", "deletion_loss", "regained"]
    ].tolist() == pytest.approx([0.35, 0.2, 0.15])


def test_noise_leaves_regimes_undecided():
    values = {0.3: 0.89, 0.6: 0.87}
    quiet, noisy = (
        analysis.regimes(synthetic(values, values, noise=(-e, 0, e))) for e in (0.001, 0.05)
    )
    assert quiet.deletion == [0.3, 0.6] and noisy.deletion == []
    assert (
        noisy.free_up_to == 0.3 and noisy.shown_free_up_to == 0.0
    )  # no loss is certain, but neither is its absence


def test_a_small_loss_that_is_well_known_is_free():
    """0.6 points: certain, and certainly within one point.

    More seeds must not shorten what is free.
    """
    values = {0.4: 0.894, 0.6: 0.84}
    found = analysis.regimes(synthetic(values, values, noise=(-0.0005, 0.0, 0.0005)))
    assert found.shown_free_up_to == found.free_up_to == 0.4
    assert found.table.pruned_loss_low[0.4] > 0 and found.deletion == [0.6]
    assert [found.at(s) for s in (0.2, 0.4, 0.6, 0.8)] == ["free", "free", "deletion", "open"]
    small = found._replace(
        free_up_to=0.3, shown_free_up_to=0.0, deletion=[], restriction=[0.3, 0.4]
    )
    assert (small.at(0.3), small.at(0.4)) == ("free", "restriction")


def test_free_ends_at_the_first_loss():
    pruned = {0.1: 0.9, 0.2: 0.86, 0.3: 0.9}
    found = analysis.regimes(synthetic(pruned, pruned))
    assert (
        found.free_up_to == found.shown_free_up_to == 0.1
        and found.deletion == [0.2]
        and found.restriction == []
    )


def test_nothing_is_free_where_the_first_sparsity_loses():
    assert analysis.regimes(synthetic({0.5: 0.5}, {0.5: 0.5})).free_up_to == 0.0


def test_one_run_a_cell_and_no_unpruned_rows_make_nothing_certain():
    found = analysis.regimes(synthetic({0.3: 0.9, 0.9: 0.5}, {0.3: 0.9, 0.9: 0.7}, noise=(0.0,)))
    assert found.deletion == found.restriction == [] and found.shown_free_up_to == 0.0
    assert found.table.pruned_loss.tolist() == pytest.approx([0, 0.4])


def test_regimes_of_the_paper():
    """The rule finds what the authors tell.

    Free up to 40%, deletion in the middle, restriction from 70%.
    """
    found = analysis.regimes(paper.table1_rows())
    assert (found.shown_free_up_to, found.free_up_to) == (0.3, 0.4)
    assert found.deletion == [0.6, 0.7, 0.8, 0.9] and found.restriction == [0.7, 0.8, 0.9]


# Masks and orders


@pytest.mark.parametrize("sparsity, expected", [(0, 0), (0.5, 0.5), (0.9, 0.18), (0.1, 0.18)])
def test_expected_difference(sparsity, expected):
    assert weights.expected_difference(sparsity) == pytest.approx(expected)


def linear(weights):
    layer = nn.Linear(len(weights), 1, bias=False)
    layer.weight.data = torch.tensor([weights])
    return layer


def test_sort_order_movement_of_the_papers_example():
    """One weight from position 59 of 100 to 63 moves 0.04, the four that it passes 0.01 each."""
    order = [float(i) for i in range(100)]
    moved = list(order)
    moved[59] = -63.5  # the order is that of magnitudes
    table = weights.sort_order_movement(linear(order), linear(moved))
    movements = np.array([0.04] + [0.01] * 4 + [0.0] * 95)
    assert table.matrix.tolist() == ["weight"] and table.entries.tolist() == [100]
    assert table[["mean", "std"]].iloc[0].tolist() == pytest.approx(
        [movements.mean(), movements.std()]
    )
    assert table.largest.tolist() == [0]  # positions 90 to 99


def test_movement_of_the_largest_tenth():
    """Of 20 weights the largest two change places: each moves 1/20, all the others stay."""
    order = [float(i) for i in range(20)]
    table = weights.sort_order_movement(linear(order), linear([*order[:18], 19.0, -18.0]))
    assert table.largest.item() == pytest.approx(1 / 20) and table["mean"].item() == pytest.approx(
        2 / 20 / 20
    )


def test_average_movement_is_over_weights_and_leaves_the_word_embeddings_out():
    table = pd.DataFrame(
        {
            "matrix": ["embeddings.word_embeddings.weight", "a", "b"],
            "mean": [0.9, 0.1, 0.4],
            "largest": [0.9, 0.0, 0.1],
            "entries": [1000, 200, 100],
        }
    )
    assert weights.average_movement(table) == pytest.approx(0.2)
    assert weights.average_movement(table, "largest") == pytest.approx(0.1 / 3)


def test_sort_order_movement_of_independent_weights_is_a_third():
    torch.manual_seed(0)
    table = weights.sort_order_movement(nn.Linear(200, 200), nn.Linear(200, 200))
    assert table["mean"].item() == pytest.approx(1 / 3, abs=0.01)


def test_sort_order_movement_matrix_by_matrix(make):
    model = make(BertModel)
    table = weights.sort_order_movement(model, make(BertModel))
    assert (
        table.matrix.tolist() == list(pruning.prunable_parameters(model))
        and (table["mean"] == 0).all()
    )


def test_mask_difference_matrix_by_matrix(make):
    model = make(BertModel)
    a, b = (
        pruning.random_masks(model, 0.5, torch.Generator().manual_seed(seed)) for seed in (0, 1)
    )
    single = [pruning.mask_difference({name: a[name]}, {name: b[name]}) for name in a]
    sizes = [mask.numel() for mask in a.values()]
    assert np.average(single, weights=sizes) == pytest.approx(
        pruning.mask_difference(a, b), abs=1e-6
    )
    assert len(set(single)) > 1 and weights.expected_difference(0.5) == 0.5


def test_head_sparsity_of_single_heads(make):
    model = make(BertModel)  # 2 heads of 8: each has 8 × 16 entries of four matrices
    masks = {
        name: torch.ones_like(weight, dtype=torch.bool)
        for name, weight in pruning.prunable_parameters(model).items()
    }
    masks["encoder.layer.0.attention.self.query.weight"][8:] = False
    masks["encoder.layer.1.attention.output.dense.weight"][:, :4] = False
    masks["pooler.dense.weight"][:] = False
    table = weights.head_sparsity(model, masks).set_index(["layer", "head"]).sparsity
    assert table.to_dict() == {(0, 0): 0, (0, 1): 0.25, (1, 0): 0.125, (1, 1): 0}


def test_head_sparsity_sums_to_that_of_attention(make):
    model = make(BertModel, num_attention_heads=4)
    masks = pruning.random_masks(model, 0.7, torch.Generator().manual_seed(0))
    attention = [mask for name, mask in masks.items() if "attention" in name]
    table = weights.head_sparsity(model, masks)
    assert len(table) == 2 * 4
    assert table.sparsity.sum() * 4 * (4 * 16) == pytest.approx(
        sum(int((~mask).sum()) for mask in attention)
    )


# Lines of accuracy on MLM loss


NATS = np.array([2.0, 2.0, 2.1, 2.3, 2.8, 3.6])


def curve(slope, bend=0.0, noise=0.0, count=6, random=0):
    """MLM losses and accuracies, seeds × sparsities."""
    rng = np.random.default_rng(random)
    accuracies = 0.9 - slope * (NATS - 2) - bend * (NATS - 2) ** 2
    noisy = accuracies + noise * rng.normal(size=(count, len(NATS)))
    return np.tile(NATS, (count, 1)), noisy


def test_a_straight_line_explains_all_and_a_rising_one_nothing():
    for count in (1, 4):
        for slope, share in ((0.1, 1.0), (-0.1, 0.0)):
            found = analysis.line_explains(*curve(slope, count=count))
            ends = [found[end] for end in ("mean", "low", "high")]
            assert ends == pytest.approx([share] * 3) and found["seeds"] == count


def test_the_share_of_one_run_is_that_of_pearson():
    losses, accuracies = curve(0.1, noise=0.02, count=1)
    found, r = analysis.line_explains(losses, accuracies), stats.pearsonr(NATS, accuracies[0])
    assert found["mean"] == pytest.approx(r.statistic**2)
    low, high = r.confidence_interval()
    assert (found["low"], found["high"]) == pytest.approx((high**2, low**2))


@pytest.mark.parametrize("bend", [0.0, -0.05])
def test_shares_cover_the_truth_however_noisy_the_seeds(bend):
    """Noise lowers R² of the means; the jackknife takes that out."""
    losses, exact = curve(0.1, bend, count=1)
    truth = np.corrcoef(losses[0], exact[0])[0, 1] ** 2
    found = [
        analysis.line_explains(*curve(0.1, bend, noise=0.02, count=8, random=random))
        for random in range(150)
    ]
    hits = [f["low"] <= truth <= f["high"] for f in found]
    assert 0.9 < np.mean(hits) <= 1
    assert np.mean([f["mean"] for f in found]) == pytest.approx(truth, abs=0.01)


def test_slopes_are_compared_seed_by_seed():
    """Six seeds whose slopes are 0.3 and 0.1, each ± a shift of the seed's own."""
    shift = np.array([-2, -1, 0, 0, 1, 2]) / 100
    losses = np.tile(NATS, (6, 1))
    steep, flat = (0.9 - (slope + shift[:, None]) * (losses - 2) for slope in (0.3, 0.1))
    found = analysis.slope_contrast((losses, steep), (losses, flat), 2)
    assert (found["steep"], found["flat"]) == pytest.approx((0.3, 0.1))
    expected = analysis.interval(0.3 - 2 * 0.1 - shift)
    assert [found[end] for end in ("mean", "low", "high")] == pytest.approx(expected)


def test_slopes_of_one_run_have_the_error_of_their_scatter():
    points = [curve(slope, noise=0.01, count=1, random=n) for n, slope in enumerate((0.3, 0.1))]
    found = analysis.slope_contrast(*points, 2)
    lines = [stats.linregress(losses[0], values[0]) for losses, values in points]
    error = np.hypot(lines[0].stderr, 2 * lines[1].stderr)
    assert found["mean"] == pytest.approx(2 * lines[1].slope - lines[0].slope)
    # between the degrees of freedom of one line and of both
    least, most = (error * stats.t.ppf(0.975, free) for free in (8, 4))
    assert least <= found["high"] - found["mean"] <= most


def test_loss_and_accuracy_start_at_dense_and_end_above_the_floor():
    values = {("dense", 0.0): 0.9, ("info_deletion", 0.5): 0.8, ("info_deletion", 0.9): 0.504}
    accuracy = rows({(c, s, "cola", seed): v for (c, s), v in values.items() for seed in (0, 1)})
    frame = pd.concat(
        [accuracy, accuracy.assign(metric="mlm_loss", value=2 + accuracy.sparsity), CONSTANT]
    )
    points = analysis.loss_and_accuracy(frame)
    assert points.sparsity.tolist() == [0, 0.5] and points.accuracy.tolist() == [0.9, 0.8]
    assert points.mlm_loss.tolist() == [2, 2.5]
    assert len(analysis.loss_and_accuracy(frame, by_seed=True)) == 4
    without_floor = analysis.loss_and_accuracy(frame[frame.condition != "majority"])
    assert without_floor.sparsity.tolist() == [0, 0.5, 0.9]


def test_what_figures_draw():
    values = {("dense", 0.0): (0.9, 0.99), ("prune_pretrain", 0.5): (0.8, 1.0)}
    frame = rows(
        {(c, s, "cola", n): v for (c, s), pair in values.items() for n, v in enumerate(pair)}
    )
    table = analysis.curve_table(frame).set_index("condition")
    assert table["mean"].to_dict() == pytest.approx({"dense": 0.945, "prune_pretrain": 0.9})
    assert table.high.tolist() == [1, 1] and (table.low >= 0).all()  # an accuracy is at most 1
    relative = analysis.curve_table(frame, relative=True).set_index("condition")
    rule = analysis.differences(frame, "prune_pretrain").loc[0.5]
    for end in ("mean", "low", "high"):
        assert relative[end]["prune_pretrain"] == rule[end] and relative[end]["dense"] == 0
    assert analysis.curve_table(frame, task="sst2").empty
    assert analysis.curve_table(frame[frame.condition != "dense"], relative=True).empty


def test_linear_fit():
    x = np.array([0.0, 1, 2, 5])
    assert analysis.linear_fit(x, 2 - 3 * x) == pytest.approx((-3, 2, -1))

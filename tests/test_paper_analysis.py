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
    """Tidy accuracy rows from {(condition, sparsity, task, seed): value}, all of one learning rate."""
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


def test_difference_is_seed_by_seed():
    """Seeds that differ a lot, a condition that is better by the same for each: the interval is that of the difference."""
    values = pd.DataFrame(
        [
            dict(
                model="m", condition=condition, sparsity=sparsity, seed=seed, value=seed / 10 + plus
            )
            for condition, sparsity, plus in (("a", 0.5, 0.02), ("b", 0.5, 0), ("b", 0.0, 0.3))
            for seed in range(3)
        ]
    )
    same = analysis.difference(values, "a", "b").iloc[0]
    assert (same.sparsity, same.seeds) == (0.5, 3) and same[
        ["mean", "low", "high"]
    ].tolist() == pytest.approx([0.02] * 3)
    dense = analysis.difference(values, "a", "b", reference_sparsity=0.0).iloc[0]
    assert dense[["mean", "low", "high"]].tolist() == pytest.approx([-0.28] * 3)


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
    """A sweep with a seed for each value of `noise`; the two pruned conditions get it in different orders."""
    values = {}
    for seed, e in enumerate(noise):
        values[("dense", 0.0, "cola", seed)] = dense
        values |= {("prune_pretrain", s, "cola", seed): v + e for s, v in pruned.items()}
        values |= {
            ("info_deletion", s, "cola", seed): v + noise[seed - 1] for s, v in deleted.items()
        }
    return rows(values)


def test_pooled_intervals_by_hand():
    values = pd.DataFrame({"sparsity": [0.1] * 3 + [0.2] * 2, "value": [1.0, 2.0, 3.0, 5.0, 7.0]})
    table = analysis.pooled_intervals(values)
    deviation = (
        (1 + 0 + 1 + 1 + 1) / 3
    ) ** 0.5  # 3 degrees of freedom: 2 of the first group, 1 of the second
    assert table["mean"].tolist() == [2, 6]
    assert (table.high - table["mean"]).tolist() == pytest.approx(
        [deviation * stats.t.ppf(0.975, 3) / n**0.5 for n in (3, 2)]
    )
    assert (table["mean"] - table.low).tolist() == pytest.approx(
        (table.high - table["mean"]).tolist()
    )


def test_pooled_intervals_of_single_values():
    single = pd.DataFrame({"sparsity": [0.1, 0.2], "value": [1.0, 2.0]})
    assert analysis.pooled_intervals(single).low.isna().all()
    assert analysis.pooled_intervals(single, (0.5, 3)).low.tolist() == pytest.approx(
        [1 - 0.5 * stats.t.ppf(0.975, 3), 2 - 0.5 * stats.t.ppf(0.975, 3)]
    )


def test_pooled_intervals_cover_the_truth():
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(400):
        values = pd.DataFrame(
            {"sparsity": np.repeat([0.1, 0.5, 0.9], 3), "value": rng.normal(size=9)}
        )
        table = analysis.pooled_intervals(values)
        hits += ((table.low < 0) & (table.high > 0)).tolist()
    assert 0.92 < np.mean(hits) < 0.98


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


def test_pooled_differences_of_another_metric():
    """The training losses of two seeds: 0.1 and 0.3 lower, so 0.2 ± 12.7 standard errors of 0.1."""
    frame = rows(
        {
            (c, 0.5, "cola", seed): v
            for c, values in (("prune_pretrain", (0.5, 0.6)), ("info_deletion", (0.4, 0.3)))
            for seed, v in enumerate(values)
        }
    ).assign(metric="train_loss")
    found = analysis.pooled_differences(
        frame, "info_deletion", "prune_pretrain", metric="train_loss"
    ).loc[0.5]
    assert found["mean"] == pytest.approx(-0.2) and found.high == pytest.approx(
        -0.2 + 0.1 * stats.t.ppf(0.975, 1)
    )


def test_regimes_of_a_synthetic_sweep():
    found = analysis.regimes(
        synthetic(
            {0.3: 0.897, 0.4: 0.894, 0.5: 0.84, 0.7: 0.70, 0.9: 0.55, 0.95: 0.50},
            {0.3: 0.897, 0.4: 0.894, 0.5: 0.84, 0.7: 0.70, 0.9: 0.70, 0.95: 0.90},
            noise=(-0.003, 0.0, 0.003),
        )
    )
    assert (
        found["free_up_to"] == 0.3 and found["shown_free_up_to"] == 0.3
    )  # the loss at 40% is small, but certain
    assert found["deletion"] == [0.4, 0.5, 0.7, 0.9]  # at 0.95 everything is regained
    assert found["restriction"] == [0.9, 0.95]
    assert found["table"].loc[
        0.9, ["pruned_loss", "deletion_loss", "regained"]
    ].tolist() == pytest.approx([0.35, 0.2, 0.15])


def test_noise_leaves_regimes_undecided():
    values = {0.3: 0.89, 0.6: 0.87}
    quiet, noisy = (
        analysis.regimes(synthetic(values, values, noise=(-e, 0, e))) for e in (0.001, 0.05)
    )
    assert quiet["deletion"] == [0.3, 0.6] and noisy["deletion"] == []
    assert (
        noisy["free_up_to"] == 0.3 and noisy["shown_free_up_to"] == 0.0
    )  # no loss is certain, but neither is its absence


def test_free_ends_at_the_first_loss():
    pruned = {0.1: 0.9, 0.2: 0.86, 0.3: 0.9}
    found = analysis.regimes(synthetic(pruned, pruned))
    assert (
        found["free_up_to"] == found["shown_free_up_to"] == 0.1
        and found["deletion"] == [0.2]
        and found["restriction"] == []
    )


def test_nothing_is_free_where_the_first_sparsity_loses():
    assert analysis.regimes(synthetic({0.5: 0.5}, {0.5: 0.5}))["free_up_to"] == 0.0


def test_one_run_a_cell_and_no_unpruned_rows_make_nothing_certain():
    found = analysis.regimes(synthetic({0.3: 0.9, 0.9: 0.5}, {0.3: 0.9, 0.9: 0.7}, noise=(0.0,)))
    assert found["deletion"] == found["restriction"] == [] and found["shown_free_up_to"] == 0.0
    assert found["table"].pruned_loss.tolist() == pytest.approx([0, 0.4])


def test_regimes_of_the_paper():
    """As its authors tell it, found by the rule: free up to 40%, deletion in the middle, restriction from 70%."""
    found = analysis.regimes(paper.table1_rows())
    assert (found["shown_free_up_to"], found["free_up_to"]) == (0.3, 0.4)
    assert found["deletion"] == [0.6, 0.7, 0.8, 0.9] and found["restriction"] == [0.7, 0.8, 0.9]


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
    table = analysis.mask_difference_by_matrix(a, b)
    sizes = [mask.numel() for mask in a.values()]
    assert np.average(table.difference, weights=sizes) == pytest.approx(
        pruning.mask_difference(a, b), abs=1e-6
    )
    assert table.sparsity.tolist() == pytest.approx(
        [0.5] * len(a)
    ) and table.independent.tolist() == pytest.approx([0.5] * len(a))


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


def test_linear_fit():
    x = np.array([0.0, 1, 2, 5])
    assert analysis.linear_fit(x, 2 - 3 * x) == pytest.approx((-3, 2, -1))

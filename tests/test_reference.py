"""The shipped results show what the course is about; the bounds are those it was built to."""

import numpy as np
import pytest

from helpers import analysis, conditions, profiles, reference
from helpers.lab import store
from helpers.lesson.layout import percents

ROWS = reference.rows("tiny")
ACCURACY = analysis.task_mean(ROWS).groupby(["condition", "sparsity"])["value"].mean()
TRAIN_LOSS = (
    analysis.task_mean(ROWS, "train_loss").groupby(["condition", "sparsity"])["value"].mean()
)


def test_every_run_is_there_with_every_seed():
    assert list(ROWS.columns) == store.COLUMNS
    runs = ROWS[ROWS.metric == "accuracy"].groupby(["condition", "sparsity", "task"]).seed.nunique()
    assert (runs == len(profiles.get("tiny").seeds)).all()
    assert set(ROWS.condition) == set(conditions.OF_THE_PAPER)
    assert ROWS[ROWS.metric == "accuracy"].value.between(0, 1).all()


def test_transfer_is_worth_something():
    assert ACCURACY["dense", 0.0] - ACCURACY["from_scratch", 0.0] >= 0.15


def test_low_sparsities_are_free():
    assert analysis.regimes(ROWS).free_up_to >= 0.3


def test_magnitude_beats_random():
    assert ACCURACY["prune_pretrain", 0.5] - ACCURACY["random", 0.5] >= 0.05


def test_deletion_dominates_in_the_middle():
    found = analysis.regimes(ROWS)
    assert found.deletion and 0.4 <= min(found.deletion) <= 0.8


def test_restriction_bites_at_the_end():
    assert ACCURACY["info_deletion", 0.9] - ACCURACY["prune_pretrain", 0.9] >= 0.03
    assert TRAIN_LOSS["prune_pretrain", 0.9] >= 2 * TRAIN_LOSS["dense", 0.0]


def test_the_note_tells_how_they_were_made():
    note = reference.note("tiny")
    assert "315 runs" in note and "python -m helpers.lab" in note
    with pytest.raises(ValueError, match="tiny"):
        reference.rows("no such results")


# Real models on real GLUE


@pytest.mark.parametrize(
    "name, tasks, sparsities",
    [
        (
            "bert-tiny",
            {"cola", "sst2", "mrpc", "qnli", "mnli"},
            {0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9},
        ),
        ("minilm", {"cola", "sst2"}, {0.3, 0.5, 0.7, 0.9}),
    ],
)
def test_real_models_have_every_run_three_times(name, tasks, sparsities):
    rows = reference.rows(name)
    runs = rows[rows.metric == "accuracy"]
    assert (
        set(runs.task) == tasks
        and (runs.groupby(["condition", "sparsity", "task"]).seed.apply(set) == {0, 1, 2}).all()
    )
    for task in tasks:
        of_task = runs[runs.task == task].groupby("condition").sparsity.apply(set)
        assert of_task["prune_pretrain"] >= sparsities and of_task["info_deletion"] >= sparsities
        assert {"dense", "from_scratch", "majority"} <= set(of_task.index)
        if name == "bert-tiny":
            assert of_task["random"] == of_task["prune_downstream"] == {0.3, 0.5, 0.7, 0.9}


@pytest.mark.parametrize("name", ["bert-tiny", "minilm"])
def test_the_notes_say_what_was_cut_down(name):
    note = reference.note(name)
    assert (
        ("partial" in note) == bool({"mnli", "qnli"} & set(reference.rows(name).task))
        and "burned in" in note
        and "800 training" in note
        and "python -m helpers.lab" in note
    )
    assert not reference.rows(name).model.str.contains("google/", case=False).any()


@pytest.mark.parametrize("name", ["bert-tiny", "minilm"])
def test_low_sparsities_cost_little_and_90_percent_takes_most_of_the_transfer(name):
    rows = reference.rows(name)
    mean = (
        analysis.task_mean(rows[rows.task == "sst2"])
        .groupby(["condition", "sparsity"])["value"]
        .mean()
    )
    transfer = mean["dense", 0.0] - mean["from_scratch", 0.0]
    assert transfer >= 0.1
    assert mean["dense", 0.0] - mean["prune_pretrain", 0.3] <= 0.15 * transfer
    assert mean["dense", 0.0] - mean["prune_pretrain", 0.9] >= 0.5 * transfer


def test_sources_are_drawn_against_their_own_dense_model():
    import matplotlib.pyplot as plt

    from helpers import paper, plots

    figure, ax = plt.subplots()
    plots.against_dense({"ours": ROWS, "the paper's": paper.table1_rows()}, "random", ax=ax)
    lines = {line.get_label(): line for line in ax.get_lines()}
    plt.close(figure)
    assert (
        np.allclose(lines["ours"].get_xdata(), [0, 50, 70, 90])
        and lines["ours"].get_ydata()[0] == 0
    )
    assert lines["ours"].get_ydata()[1] == pytest.approx(
        100 * (ACCURACY["random", 0.5] - ACCURACY["dense", 0.0])
    )
    assert lines["the paper's"].get_ydata()[-1] == pytest.approx(65.7 - 87.2, abs=0.1)


def test_what_ships_is_known_by_name():
    assert reference.shipped("tiny") and not reference.shipped("huge")


def test_sparsities_in_words():
    assert percents([0.5, 0.6, 0.7]) == "50, 60 and 70%"
    assert percents([0.1 + 0.2]) == "30%" and percents([]) == "no sparsity"

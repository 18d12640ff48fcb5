"""The shipped results of what came later: every run with every seed, and what structure costs."""

from helpers import analysis, conditions, profiles, reference
from helpers.lab import store

ROWS = reference.rows("later")


def test_every_run_is_there_with_every_seed():
    assert list(ROWS.columns) == store.COLUMNS
    assert set(ROWS.condition) == set(conditions.LATER)
    accuracy = ROWS[ROWS.metric == "accuracy"]
    assert (
        accuracy.groupby(["condition", "sparsity", "task"]).seed.nunique()
        == len(profiles.get("tiny").seeds)
    ).all()
    assert accuracy.value.between(0, 1).all()


def test_single_weights_keep_more_accuracy_than_whole_heads_and_neurons():
    means = analysis.task_mean(ROWS).groupby(["condition", "sparsity"])["value"].mean()
    assert means["single", 0.75] > means["structured", 0.75]


def test_the_note_tells_how_they_were_made():
    assert "--conditions structured single" in reference.note("later")

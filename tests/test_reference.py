"""The shipped reference results show what the course is about; the bounds are those it was built to."""

import pytest

from helpers import analysis, experiment, profiles

ROWS = experiment.reference("tiny")
ACCURACY = analysis.task_mean(ROWS).groupby(["condition", "sparsity"])["value"].mean()
TRAIN_LOSS = analysis.task_mean(ROWS, "train_loss").groupby(["condition", "sparsity"])["value"].mean()


def test_every_run_is_there_with_every_seed():
    assert list(ROWS.columns) == experiment.COLUMNS
    runs = ROWS[ROWS.metric == "accuracy"].groupby(["condition", "sparsity", "task"]).seed.nunique()
    assert (runs == len(profiles.get("tiny").seeds)).all()
    assert set(ROWS.condition) == set(experiment.CONDITIONS)
    assert ROWS[ROWS.metric == "accuracy"].value.between(0, 1).all()


def test_transfer_is_worth_something():
    assert ACCURACY["dense", 0.0] - ACCURACY["from_scratch", 0.0] >= 0.15


def test_low_sparsities_are_free():
    assert analysis.regimes(ROWS)["free_up_to"] >= 0.3


def test_magnitude_beats_random():
    assert ACCURACY["prune_pretrain", 0.5] - ACCURACY["random", 0.5] >= 0.05


def test_deletion_dominates_in_the_middle():
    found = analysis.regimes(ROWS)
    assert found["deletion"] and 0.4 <= min(found["deletion"]) <= 0.8


def test_restriction_bites_at_the_end():
    assert ACCURACY["info_deletion", 0.9] - ACCURACY["prune_pretrain", 0.9] >= 0.03
    assert TRAIN_LOSS["prune_pretrain", 0.9] >= 2 * TRAIN_LOSS["dense", 0.0]


def test_the_note_tells_how_they_were_made():
    note = experiment.reference_note("tiny")
    assert "315 runs" in note and "python -m helpers.experiment" in note
    with pytest.raises(ValueError, match="tiny"):
        experiment.reference("no such results")

"""The shipped results show what the course is about; the bounds are those it was built to."""

import dataclasses
import json

import numpy as np
import pytest

from helpers import analysis, claims, conditions, profiles, reference
from helpers.lab import store
from helpers.lesson.layout import percents

ROWS = reference.rows("tiny")
SEEDS = len(ROWS.seed.unique())
ACCURACY = analysis.means(ROWS)
TRAIN_LOSS = analysis.means(ROWS, "train_loss")


def lost(condition, sparsity):
    """Points of mean accuracy below dense."""
    return 100 * (ACCURACY["dense", 0.0] - ACCURACY[condition, sparsity])


def test_every_run_is_there_with_every_seed():
    assert list(ROWS.columns) == store.COLUMNS
    accuracy = ROWS[ROWS.metric == "accuracy"]
    runs = accuracy.groupby(["condition", "sparsity", "task"]).seed.nunique()
    # random masks decide nothing but at 50%, where magnitude is compared with them
    decide = [c != "random" or s == 0.5 for c, s, _ in runs.index]
    assert (runs[decide] == SEEDS).all() and SEEDS >= 3 and runs.min() >= 3
    tens = {round(n / 10, 1) for n in range(1, 10)}
    of = accuracy.groupby("condition").sparsity.apply(set)
    for condition in ("prune_pretrain", "info_deletion", "prune_downstream"):
        assert of[condition] == tens
    assert of["random"] == {0.1, 0.3, 0.5, 0.7, 0.9}
    assert set(ROWS.condition) == set(conditions.OF_THE_PAPER)
    assert set(ROWS.task) == set(profiles.get("tiny").tasks)
    assert ROWS[ROWS.metric == "accuracy"].value.between(0, 1).all()


def test_they_were_made_with_the_profile_as_it_is():
    made = json.loads((profiles.ASSETS / "reference" / "tiny.json").read_text())["profile"]
    ours = json.loads(json.dumps(dataclasses.asdict(profiles.get("tiny"))))
    for part in ("pretraining", "fine_tuning"):  # a part may have got fields since
        assert made[part] == {name: ours[part][name] for name in made[part]}


def test_all_conditions_are_fine_tuned_equally_long():
    values = profiles.get("tiny").fine_tuning
    epochs = {int(np.sum(values.epochs_for(c, 0.7))) for c in conditions.OF_THE_PAPER}
    assert epochs == {values.epochs}


def test_transfer_is_worth_something():
    assert 0.90 <= ACCURACY["dense", 0.0] <= 0.975
    assert lost("from_scratch", 0.0) >= 35


def test_each_task_has_room_to_fall_and_falls():
    values = ROWS[ROWS.metric == "accuracy"].groupby(["condition", "sparsity", "task"]).value.mean()
    for task in profiles.get("tiny").tasks:
        assert 0.80 <= values["dense", 0.0, task] < 1
        assert values["prune_pretrain", 0.8, task] <= values["dense", 0.0, task] - 0.05


def test_seeds_agree():
    by_seed = 100 * analysis.task_mean(ROWS).set_index(["condition", "sparsity"]).value
    deviation = by_seed.groupby(level=[0, 1]).std()
    assert deviation["dense", 0.0] <= 0.7
    pruned = deviation["prune_pretrain"]
    assert (pruned[pruned.index <= 0.7] <= 1.2).all()


def test_low_sparsities_are_free():
    assert analysis.regimes(ROWS).free_up_to >= 0.2 and lost("prune_pretrain", 0.3) <= 1


def test_magnitude_beats_random():
    assert lost("random", 0.5) - lost("prune_pretrain", 0.5) >= 15


def test_in_the_middle_deletion_hurts_and_is_certain():
    found = analysis.regimes(ROWS)
    assert {0.5, 0.6} & set(found.deletion)
    assert lost("prune_pretrain", 0.6) >= 3 and lost("info_deletion", 0.6) >= 2


def test_restriction_is_certain_no_later_than_deletion():
    """As notebook 07 and the teacher's page say in words."""
    found = analysis.regimes(ROWS)
    assert min(found.restriction) <= min(found.deletion)


def test_restriction_bites_at_the_end_at_equal_training():
    assert 0.8 in analysis.regimes(ROWS).restriction
    assert lost("prune_pretrain", 0.8) - lost("info_deletion", 0.8) >= 3
    loss = analysis.differences(ROWS, "prune_pretrain", "info_deletion", "train_loss")
    assert loss.low[0.8] > 0


def test_the_note_tells_how_they_were_made():
    note = reference.note("tiny")
    assert f"seeds {', '.join(map(str, range(SEEDS)))}" in note and "python -m helpers.lab" in note
    with pytest.raises(ValueError, match="tiny"):
        reference.rows("no such results")


# Real models on real GLUE


@pytest.mark.parametrize(
    "name, tasks, sparsities, seeds",
    [
        ("bert-tiny", {"sst2", "qnli"}, {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}, 10),
        ("minilm", {"sst2", "qnli"}, {0.4, 0.5, 0.6, 0.8}, 5),
        ("minilm-unequal", {"cola", "sst2"}, {0.3, 0.5, 0.7, 0.9}, 3),
    ],
)
def test_real_models_have_every_run_with_every_seed(name, tasks, sparsities, seeds):
    rows = reference.rows(name)
    runs = rows[rows.metric == "accuracy"]
    of = runs.groupby(["condition", "sparsity", "task"]).seed.apply(set)
    # what pre-training is worth needs no more than three seeds
    floors = of.index.get_level_values("condition").isin(["from_scratch", "majority"])
    assert set(runs.task) == tasks and all(seen == set(range(seeds)) for seen in of[~floors])
    assert all(seen >= {0, 1, 2} for seen in of[floors])
    for task in tasks:
        of_task = runs[runs.task == task].groupby("condition").sparsity.apply(set)
        assert of_task["prune_pretrain"] >= sparsities and of_task["info_deletion"] >= sparsities
        assert {"dense", "from_scratch", "majority"} <= set(of_task.index)
        if name in ("bert-tiny", "minilm"):
            assert of_task["prune_downstream"] >= {0.5, 0.8}


@pytest.mark.parametrize("name", ["bert-tiny", "minilm"])
def test_real_models_fine_tune_equally_long_in_all_conditions(name):
    """Else what information deletion wins back could be epochs."""
    found = claims.judge(reference.rows(name), [3, 4, 11])
    assert found and not any("fine-tuned longer" in each.evidence for each in found.values())


def test_with_more_rows_pre_training_is_worth_less():
    gains = {}
    for rows, name in ((800, "bert-tiny"), (2_000, "bert-tiny-2000"), (8_000, "bert-tiny-8000")):
        table = reference.rows(name).query("task == 'sst2' and metric == 'accuracy'")
        means = table.groupby("condition").value.mean()
        gains[rows] = means["dense"] - means["from_scratch"]
        assert f"{rows} training" in reference.note(name).replace(",", "")
    assert gains[800] > gains[2_000] > gains[8_000]


@pytest.mark.parametrize("name", ["bert-tiny", "minilm", "minilm-unequal"])
def test_the_notes_say_what_was_cut_down(name):
    note = reference.note(name)
    assert (
        ("partial" in note) == bool({"mnli", "qnli"} & set(reference.rows(name).task))
        and "burned in" in note
        and "800 training" in note
        and "python -m helpers.lab" in note
    )
    assert not reference.rows(name).model.str.contains("google/", case=False).any()


@pytest.mark.parametrize("name", ["bert-tiny", "minilm-unequal"])
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
    run = sorted(ROWS[ROWS.condition == "random"].sparsity.unique())
    assert np.allclose(lines["ours"].get_xdata(), [0, *(100 * s for s in run)])
    assert lines["ours"].get_ydata()[0] == 0
    at = 1 + run.index(0.5)
    assert lines["ours"].get_ydata()[at] == pytest.approx(-lost("random", 0.5))
    assert lines["the paper's"].get_ydata()[-1] == pytest.approx(65.7 - 87.2, abs=0.1)


def test_what_ships_is_known_by_name():
    assert reference.shipped("tiny") and not reference.shipped("huge")


def test_sparsities_in_words():
    assert percents([0.5, 0.6, 0.7]) == "50, 60 and 70%"
    assert percents([0.1 + 0.2]) == "30%" and percents([]) == "no sparsity"

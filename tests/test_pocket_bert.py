"""The shipped pocket BERT is what the project's own command makes."""

import json

import pandas as pd
import pytest

from helpers import data, pocket, profiles, training
from tools import pocket_bert

SHIPPED = profiles.ASSETS / "pocket-bert"


def provenance(folder):
    return json.loads((folder / "provenance.json").read_text())


def test_the_first_steps_of_its_training_can_be_made_again(tmp_path):
    pocket_bert.pretrain(tmp_path, stop_after=pocket_bert.PREFIX, progress=False)
    key = f"mlm_loss_after_{pocket_bert.PREFIX}_steps"
    assert provenance(tmp_path)[key] == pytest.approx(
        provenance(SHIPPED)[key], rel=1e-3
    )  # other processors round otherwise


def test_it_is_small_and_its_provenance_tells_its_loss():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 4e6
    model, tokenizer = training.load_mlm(profiles.locate("pocket")), data.load_tokenizer("pocket")
    told = provenance(SHIPPED)
    assert sum(p.numel() for p in model.parameters()) == told["parameters"] < 2e6
    held_out = data.load_text(profiles.get("tiny"), "validation")
    loss = training.mlm_loss(
        model, tokenizer, held_out, mlm_probability=profiles.get("tiny").pretraining.mlm_probability
    )
    assert loss == pytest.approx(told["mlm_loss"], rel=1e-3)


def test_it_understands_the_comments_of_every_kind_of_passage():
    model, tokenizer = training.load_mlm(profiles.locate("pocket")), data.load_tokenizer("pocket")
    for kind in pocket.KINDS:
        passages = pocket.passages(200, "test", kind)
        accuracy = pocket_bert.comment_accuracy(model, tokenizer, passages)
        assert accuracy > 0.9, kind


def test_how_it_learnt_is_told_step_by_step():
    learnt = pd.read_csv(SHIPPED / "learning.csv")
    steps = sum(stage.steps for stage in pocket_bert.STAGES)
    assert learnt.columns.tolist() == ["step", "stage", "kind", "accuracy"]
    assert set(learnt.kind) == set(pocket.KINDS) and learnt.accuracy.between(0, 1).all()
    assert sorted(set(learnt.step)) == list(range(pocket_bert.EVERY, steps + 1, pocket_bert.EVERY))
    assert set(learnt[learnt.step <= pocket_bert.STAGES[0].steps].stage) == {"dictionary"}
    last = learnt[learnt.step == steps].set_index("kind").accuracy
    assert last.to_dict() == provenance(SHIPPED)["comments"]


def test_its_tokenizer_knows_every_word_of_the_world():
    tokenizer = data.load_tokenizer("pocket")
    words = pocket.world().vocabulary
    assert tokenizer.unk_token_id not in tokenizer.convert_tokens_to_ids(words)
    for first, second in pocket.passages(200):
        assert tokenizer.tokenize(f"{first} {second}") == f"{first} {second}".split()

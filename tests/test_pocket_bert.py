"""The shipped pocket BERT is what the project's own command makes."""

import json

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


def test_its_tokenizer_knows_every_word_of_the_world():
    tokenizer = data.load_tokenizer("pocket")
    words = pocket.world().vocabulary
    assert tokenizer.unk_token_id not in tokenizer.convert_tokens_to_ids(words)
    for first, second in pocket.passages(200):
        assert tokenizer.tokenize(f"{first} {second}") == f"{first} {second}".split()

"""BERT in the page against PyTorch: the same tokens, masks, logits and words, in Chromium."""

import copy
import importlib
import json
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from helpers import data, pocket, profiles, pruning, training

DOCS = Path(__file__).parent.parent / "docs"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")


@pytest.fixture(scope="module")
def living():
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("living")
    sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def page(living):
    """An empty page with the script and the pocket BERT."""
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(content=living.pocket_bert())
        page.add_script_tag(path=DOCS / "_static" / "bert.js")
        page.evaluate("window.bert = new PocketBert(pocketBert)")
        yield page
        browser.close()


@pytest.fixture(scope="module")
def model():
    return training.load_mlm(profiles.locate("pocket")).eval()


@pytest.fixture(scope="module")
def tokenizer():
    return data.load_tokenizer("pocket")


def gapped(seed):
    """A random sentence of the pocket world, a random word of it behind [MASK]."""
    rng = random.Random(seed)
    words = " ".join(pocket.passages(1, seed=seed)[0]).split()
    words[rng.randrange(len(words))] = "[MASK]"
    return " ".join(words)


def pruned(model, names, sparsity):
    """A copy whose named matrices have the course's own masks."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name, weight in pruning.prunable_parameters(model).items():
            if name in names:
                weight.mul_(pruning.magnitude_mask(weight, sparsity))
    return model


@torch.no_grad()
def test_200_sentences_give_the_logits_and_the_words_of_pytorch(page, model, tokenizer):
    groups = page.evaluate("bert.groups")
    assert set(groups) == {"attention", "feed-forward", "word embeddings"}
    rng, cases = random.Random(0), []
    for seed in range(200):
        chosen = rng.sample(sorted(groups), rng.randint(1, len(groups)))
        cases.append((gapped(seed), chosen, rng.randrange(100) / 100))
    found = page.evaluate(
        """cases => cases.map(([sentence, groups, sparsity]) => {
            const ids = bert.encode(sentence), place = ids.indexOf(bert.ids.get("[MASK]"));
            return {ids, logits: [...bert.logits(ids, place, bert.prune(groups, sparsity))],
                    words: bert.topWords(sentence, groups, sparsity)};
        })""",
        cases,
    )
    worst = 0
    for (sentence, chosen, sparsity), page_says in zip(cases, found):
        smaller = pruned(model, {n for group in chosen for n in groups[group]}, sparsity)
        batch = tokenizer(sentence, return_tensors="pt", truncation=True, max_length=32)
        ids = batch["input_ids"][0]
        assert page_says["ids"] == ids.tolist(), sentence
        place = int((ids == tokenizer.mask_token_id).nonzero()[0])
        logits = smaller(**batch).logits[0, place].numpy()
        difference = np.abs(logits - np.array(page_says["logits"])).max()
        assert difference < 1e-4, (sentence, chosen, sparsity, difference)
        worst = max(worst, difference)
        best = training.top_words(smaller, tokenizer, sentence)
        assert [w["word"] for w in page_says["words"]] == [word for word, _ in best]
        assert [w["probability"] for w in page_says["words"]] == pytest.approx(
            [p for _, p in best], abs=1e-4
        )
    print(f"largest difference of a logit: {worst:.1e}")


def test_masks_break_ties_and_round_as_the_course_does(page):
    """Few values, so that most thresholds are ties; sizes at which half a weight would go."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        size = int(rng.integers(1, 41))
        weight = (rng.integers(-3, 4, size) / 4).astype(np.float32)
        sparsity = float(rng.integers(0, 20)) / 20
        expected = weight * pruning.magnitude_mask(torch.tensor(weight), sparsity).numpy()
        got = page.evaluate(
            """([values, sparsity]) => {
                const data = Float32Array.from(values);
                return [...pruneByMagnitude(data, data.map(Math.abs).sort(), sparsity)];
            }""",
            [weight.tolist(), sparsity],
        )
        assert got == expected.tolist(), (weight, sparsity)


@pytest.mark.parametrize(
    "sentence",
    [
        "The HAPPY fox,eats the [MASK].",
        "a wug saw the [MASK] ?",
        "thé fox [MASK] again",
        "[MASK] " * 40,
        "  two\tfoxes\n[MASK]!",
    ],
)
def test_any_typed_sentence_is_read_as_the_tokenizer_reads_it(page, tokenizer, sentence):
    ids = tokenizer(sentence, truncation=True, max_length=32)["input_ids"]
    assert page.evaluate("s => bert.encode(s)", sentence) == ids


def test_a_sentence_without_a_gap_is_refused_and_unknown_words_are_named(page):
    with pytest.raises(playwright.Error, match=r"Write \[MASK\]"):
        page.evaluate("bert.topWords('the fox eats .')")
    assert page.evaluate("bert.unknown('the wug eats the [MASK] .')") == ["wug"]


def test_pieces_of_words_are_the_longest_known_ones(page):
    pieces = page.evaluate(
        """() => {
            const words = ["[UNK]", "un", "##happ", "##happy", "##y", "u"];
            const reader = Object.create(PocketBert.prototype);
            reader.ids = new Map(words.map((word, id) => [word, id]));
            return ["unhappy", "unhappx", "u"].map((word) => reader.pieces(word));
        }"""
    )
    assert pieces == [[1, 3], [0], [5]]


def test_the_page_holds_the_file_that_ships(living, page):
    value = json.loads(living.pocket_bert().removeprefix("window.pocketBert = ").rstrip(";\n"))
    names = set(pruning.prunable_parameters(training.load_mlm(profiles.locate("pocket"))))
    assert names - {n for group in value["groups"].values() for n in group} == {
        "pooler.dense.weight"
    }
    shipped = load_file(f"{profiles.locate('pocket')}/model.safetensors")
    assert page.evaluate("Object.keys(bert.tensors).sort()") == sorted(shipped)

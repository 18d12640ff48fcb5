"""What lives on a page without a kernel, in Chromium.

BERT in the page against PyTorch: the same tokens, masks, logits and words. Explorers play what
`at` gives, and a prediction meets its outcome.
"""

import base64
import copy
import importlib
import io
import json
import random
import re
import shutil
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from helpers import data, plots, pocket, profiles, pruning, training
from helpers.lesson import page as course_page
from helpers.lesson import predictions, widgets

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


def moved(model):
    """Another model of its shape."""
    torch.manual_seed(0)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for weight in pruning.prunable_parameters(other).values():
            weight.add_(0.05 * torch.randn_like(weight))
    return other


@pytest.fixture(scope="module")
def explorers(model):
    weights = dict(list(pruning.prunable_parameters(model).items())[:2])
    names = plots.matrix_names(pruning.prunable_parameters(model))
    costs = [(name, s, n * s) for n, name in enumerate(names) for s in (0.3, 0.6, 0.9)]
    return {
        "threshold": widgets.threshold_explorer(weights),
        "schedule": widgets.schedule_explorer(200),
        "sensitivity": widgets.sensitivity_map(
            pd.DataFrame(costs, columns=["matrix", "sparsity", "rise"])
        ),
        "overlap": widgets.mask_overlap(model, moved(model)),
    }


@pytest.mark.parametrize("name", ["threshold", "schedule", "sensitivity", "overlap"])
def test_an_explorer_plays_on_the_page_what_it_says_in_the_notebook(page, explorers, name):
    explorer = explorers[name]
    states, first = explorer.on_page(), explorer.at()
    packed = course_page.packed(states)
    assert len(packed) < 2_000_000
    sizes = [len(control["words"]) for control in states["controls"]]
    assert len(states["states"]) == np.prod(sizes)
    page.set_content("<div id='box'></div>")
    for script in ("explorers.js", "curves.js"):
        if not page.evaluate("typeof play === 'function'"):
            page.add_script_tag(path=DOCS / "_static" / script)
    page.evaluate(
        "async packed => play(document.getElementById('box'), await unpack(packed))", packed
    )
    text = lambda html: " ".join(re.sub(r"<[^>]*>", "", html).replace("&amp;", "&").split())
    assert " ".join(page.locator(".said").inner_text().split()) == text(first[1])
    for number, control in enumerate(states["controls"]):
        box = page.locator(".control").nth(number).locator("input, select")
        before = page.locator(".picture img").evaluate_all("images => images.map(i => i.src)")
        if control["kind"] == "slider":
            box.focus()
            forward = control["start"] < len(control["words"]) - 1
            page.keyboard.press("ArrowRight" if forward else "ArrowLeft")
            place = control["start"] + (1 if forward else -1)
        else:
            place = len(control["words"]) - 1
            box.select_option(index=place)
        after = page.locator(".picture img").evaluate_all("images => images.map(i => i.src)")
        assert before != after, f"{control['name']} changes nothing"
        word = control["words"][place]
        options = [
            option if isinstance(option, tuple) else (str(option), option)
            for option in getattr(explorer.controls[control["name"]], "options", [])
        ] or [(word, int(word))]
        value = dict(options)[word]
        expected = explorer.at(**{control["name"]: value})[1]
        assert " ".join(page.locator(".said").inner_text().split()) == text(expected)
        explorer.controls[control["name"]].value = value
    sizes = page.locator(".picture img").evaluate_all("images => images.map(i => i.naturalWidth)")
    assert len(sizes) == 2 and min(sizes) > 100, "a drawing is no image"


def test_a_prediction_meets_its_outcome_on_the_figure(page, monkeypatch):
    """The line lies where the axis has the number, also when the margins are cut off."""
    monkeypatch.setenv(course_page.WISH, "1")
    told = []
    monkeypatch.setattr(predictions, "display", lambda data, raw: told.append(data))
    guess = predictions.number("How much?")
    figure, ax = plt.subplots(figsize=(4, 3))
    ax.set_ylim(0, 100)
    ax.axhline(70, color="red", linewidth=4)
    guess.draw(ax)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")
    picture.seek(0)
    plt.close(figure)
    guess.against(60)
    outcome = told[0][course_page.OUTCOME]
    marks = outcome["marks"]
    height, pixels = (array := plt.imread(picture)).shape[0], array[..., :3]
    red = (pixels[..., 0] > 0.9) & (pixels[..., 1] < 0.2)
    rows = red.sum(axis=1).argsort()[-4:]  # those of the line
    zero, one = marks["at"]
    assert 1 - (zero + 70 * (one - zero)) == pytest.approx((rows.mean() + 0.5) / height, abs=0.01)
    columns = np.flatnonzero(red[rows[-1]]) / red.shape[1]
    assert marks["span"] == pytest.approx([columns[0], columns[-1]], abs=0.02)
    address = "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
    page.set_content(
        f"<form class='prediction' data-question='How much?' data-unit='%'>"
        "<input type=range min=0 max=100 value=0><output></output><button>Commit</button>"
        f"<p class=said></p></form><div class=cell_output><img src='{address}'>"
        f"<p class=outcome data-outcome='{json.dumps(outcome)}'></p></div>"
    )
    for script in ("explorers.js", "book.js"):
        known = page.evaluate(f"typeof {'play' if script[0] == 'e' else 'against'} === 'function'")
        if not known:
            page.add_script_tag(path=DOCS / "_static" / script)
    page.add_style_tag(path=DOCS / "_static" / "book.css")
    page.evaluate("document.querySelectorAll('.prediction').forEach(startPrediction)")
    page.evaluate("document.querySelectorAll('.outcome').forEach(coverAnswer)")
    assert page.locator("img").is_hidden() and page.locator(".cover").is_visible()
    page.locator(".cover button").click()  # who will not guess may look
    assert page.locator("img").is_visible() and page.locator(".cover").count() == 0
    page.evaluate("coverAnswer(document.querySelector('.outcome'))")
    assert page.locator("img").is_hidden()
    page.locator("input").fill("45")
    page.locator("form button").click()
    assert page.locator("img").is_visible()
    assert page.locator(".said").inner_text() == "You say 45%. Read on to see."
    assert page.locator(".outcome").inner_text() == "You said 45%; it is 60%, 15 points more."
    assert page.locator(".guess").count() == 1
    bottom = page.locator(".guess").evaluate("line => parseFloat(line.style.bottom)")
    assert bottom == pytest.approx(100 * (zero + 45 * (one - zero)), abs=0.01)


@pytest.mark.parametrize("unit, step", [("%", 1), ("nats", 0.1), ("", 5), ("points", 0.5)])
def test_the_page_says_of_a_prediction_what_the_notebook_says(page, unit, step):
    page.set_content("<p></p>")
    for script in ("explorers.js", "book.js"):
        known = page.evaluate(f"typeof {'play' if script[0] == 'e' else 'against'} === 'function'")
        if not known:
            page.add_script_tag(path=DOCS / "_static" / script)
    for value, outcome in ((10, 10.0), (10, 35.5), (60, 35.5)):
        guess = predictions.number("?", step=step, unit=unit)
        guess.commit(value)
        said = page.evaluate(
            "([guess, outcome]) => against(guess, outcome)",
            [value, {"outcome": outcome, "unit": unit}],
        )
        assert said == guess.against(outcome)
    which = predictions.choice("?", ["early", "late"])
    which.commit("early")
    for outcome in ("early", "late"):
        said = page.evaluate("o => against('early', {outcome: o, unit: ''})", outcome)
        assert said == which.against(outcome)


def test_sizes_and_outputs_only_grow_where_pages_are_made(explorers, monkeypatch):
    explorer = explorers["sensitivity"]
    monkeypatch.delenv(course_page.WISH, raising=False)
    assert course_page.MIME not in explorer._repr_mimebundle_()
    monkeypatch.setenv(course_page.WISH, "1")
    assert course_page.MIME in explorer._repr_mimebundle_()

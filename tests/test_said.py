"""Numbers in prose: results that the text states are those of the shipped results.

A number belongs in a cell that computes it. Where prose states one all the same, `SAID` says what
it must be. Any other number with a unit is a setting, the paper's, or made up: `EXCUSED` says so.
"""

import json
import math
import re
from functools import cache

import pandas as pd
import pytest
from course import FOLDER, NAMES, ROOT, prose, read

from helpers import analysis, claims, paper, profiles, reference
from helpers.cost import storage

DIGITS = "zero one two three four five six seven eight nine ten eleven twelve".split()
TENS = {10: "ten", 20: "twenty", 30: "thirty", 40: "forty", 50: "fifty"}
POCKET = profiles.ASSETS / "pocket-bert"
DOCUMENTS = ["README.md", "docs/teaching.md", "docs/scaling.md"]  # see also `WHOLE`


def word(number):
    """A whole number as prose writes it."""
    return TENS.get(number) or (DIGITS[number] if number < len(DIGITS) else str(number))


@cache
def text(where):
    """The prose of a notebook, by its number, or of a document, on one line without code."""
    if where.endswith(".md"):
        parts = [re.sub(r"^```.*?^```", "", (ROOT / where).read_text("utf-8"), flags=re.S | re.M)]
    else:
        parts = prose(read(next(name for name in NAMES if name.startswith(where))))
    return " ".join("\n".join(parts).split())


@cache
def printed(number):
    """What the cells of a notebook say when executed, on one line."""
    (path,) = FOLDER.glob(f"{number}_*.ipynb")
    outputs = [
        output.get("data", {}).get("text/markdown", "")
        for cell in json.loads(path.read_text("utf-8"))["cells"]
        for output in cell.get("outputs", [])
    ]
    return " ".join(" ".join("".join(output).split()) for output in outputs).replace("*", "")


def reported(number, pattern):
    """The numbers of a sentence that a notebook's cell prints."""
    return [float(found) for found in re.search(pattern, printed(number)).groups()]


# What the numbers must be


def tie_of_speeds():
    mean, half = reported("02", r"and ([+-][\d.]+) ± ([\d.]+) points at 95% sparsity")
    return word(math.ceil(abs(mean) + half))


def words_hesitated_between():
    whole, half = reported("04", r"nats \(([\d.]+) words\) to [\d.]+ nats \(([\d.]+) words\)")
    return f"{half}", f"{whole}"


def paper_loss_at_30_and_40():
    rise = analysis.differences(paper.table1_rows(), "prune_pretrain", metric="mlm_loss")["mean"]
    return f"{rise[0.3]:.2f}", f"{rise[0.4]:.2f}"


def constant_cola():
    return f"{100 * 721 / 1043:.1f}"


def constant_entries():
    cola = paper.table1().query("task == 'CoLA'")
    return word(int(((cola.dev_acc - float(constant_cola())).abs() < 0.05).sum()))


def rates_against_the_paper():
    (ours,), theirs = profiles.get("tiny").learning_rates, profiles.get("paper").learning_rates
    return f"{ours / max(theirs):.0f}", f"{ours / min(theirs):.0f}"


def csr_pays_for_many():
    times = reference.costs("milliseconds").query("model == 'MiniLM-L6' and batch == 32")
    times = times.pivot(index="sparsity", columns="engine", values="ms")
    pays = storage.crossing(times.index, (times.CSR / times.dense).to_numpy())
    return f"{10 * round(10 * pays)}"


def seeds_of(name):
    return lambda: word(reference.rows(name).seed.nunique())


def paper_loses_a_point():
    means = (100 * analysis.means(paper.table1_rows())).round(1)
    lost = (means["dense", 0] - means["prune_pretrain"]).round(1)
    return f"{100 * lost.index[lost > 1].min():.0f}", f"{100 * lost.index[lost == 1].min():.0f}"


def paper_is_free():
    return f"{100 * analysis.regimes(paper.table1_rows()).free_up_to:.0f}"


def understood():
    last = pd.read_csv(POCKET / "learning.csv").query("step == step.max()")
    share = last.set_index("kind").accuracy
    kinds = ("inference", "questions", "answer", "story", "dictionary")
    return tuple(f"{100 * share[kind]:.0f}" for kind in kinds)


def rates_on_a_gpu():
    return tuple(f"{rate:.1f}" for rate in reference.gpu()["steps a second"].values())


# (where, sentence with {} for its numbers, what they must be)
SAID = [
    ("02", "At 95% sparsity the two speeds end within {} points", tie_of_speeds),
    ("04", "hesitates between {} words instead of {}", words_hesitated_between),
    ("04", "in its Table 1 the loss rises by {} and {} nats", paper_loss_at_30_and_40),
    (
        "05",
        "One number appears {} times in the paper's main table: {}% on CoLA",
        lambda: (constant_entries(), constant_cola()),
    ),
    ("05", "Why does one number come back {} times?", constant_entries),
    ("07", "the learning rate (ours is {} to {} times as high)", rates_against_the_paper),
    ("08", "for 32 sentences it takes about {}% or more", csr_pays_for_many),
    ("06", "The two longer settings have {} seeds each", seeds_of("tiny-2000")),
    ("07", "every task, {} seeds, as many epochs", seeds_of("tiny-gentle")),
    ("08", "with its intervals: {} seeds", seeds_of("later")),
    ("08", "under a bit mask it is {}% smaller", lambda: f"{100 * (1 - 0.6 - 1 / 32):.0f}"),
    ("docs/scaling.md", "{} steps of MLM training a second and {} of fine-tuning", rates_on_a_gpu),
    ("docs/teaching.md", "has lost more than a point from {}% on; at {}%", paper_loses_a_point),
    ("docs/teaching.md", "on the real CoLA it is {}%", constant_cola),
    ("docs/teaching.md", "paper's table, by the same rule, is free up to {}%", paper_is_free),
    (
        "docs/teaching.md",
        "a bit mask with values pays from about {}% on",
        lambda: f"{100 * storage.break_even('bitmask', 78):.0f}",
    ),
    (
        "docs/pocket-world.md",
        "inference {}%, questions {}%, answers {}%, stories {}%, dictionary {}%",
        understood,
    ),
]

# Documents whose numbers are no results of ours, or are held by another test
WHOLE = {
    "docs/bibliography.md": "titles only",
    "docs/exam.md": "made up, so that nobody can remember them",
    "docs/pocket-world.md": "choices, on seeds that judge nothing",
    "docs/protocol.md": "the paper's values; tests/test_experiment.py",
    "docs/scoreboard.md": "computed; tests/test_claims.py",
}
SPARSITIES = {*map(str, range(0, 101, 10)), "95", "98"}  # also the level of an interval
EXCUSED = {
    "arithmetic that the text shows or asks for": {
        "01": ["three times"],
        "03": ["0.69 nats", "twenty times"],
        "04": ["1.21 nats", "1.16 nats", "0.06 nats", "5%"],
        "05": ["97.5%", "2.5%", "5%"],
        "06": ["8 points"],
        "07": ["4%"],
        "08": ["ten times", "five times", "1.10 nats"],
        "09": ["2.5 points"],
        "docs/teaching.md": ["48%", "20 points", "2.5 points"],
    },
    "made up for a question": {
        "03": ["62%"],
        "05": ["0.4 points", "two points"],
        "06": ["9 points"],
        "07": ["6%"],
        "09": ["20 points"],
        "docs/teaching.md": ["two points"],
    },
    "a setting, or the margin of a rule": {
        "02": ["ten seeds", "three seeds"],
        "04": ["0.05 nats"],
        "05": ["1 point", "five seeds"],
        "06": ["1 point", "0.1 nats"],
        "07": ["five seeds", "1 point"],
        "09": ["three seeds"],
        "docs/teaching.md": ["three seeds", "ten seeds", "ten times"],
    },
    "the paper's own sentence": {
        "03": ["65%"],
        "05": ["ten times"],
        "06": ["ten points"],
        "docs/teaching.md": ["6%"],
    },
    "from a work that the text cites": {"08": ["1.3 times", "3%", "97%"]},
    "measured once, where the text says": {"docs/scaling.md": ["1.77 times", "1.47 times"]},
}
NUMBER = re.compile(
    rf"\b((?:\d[\d.,]*|{'|'.join([*DIGITS[2:], *TENS.values()])})"
    r"(?:%|\s+(?:points?|nats?|times|seeds?)\b))",
    re.IGNORECASE,
)


def excused(where):
    return [phrase for places in EXCUSED.values() for phrase in places.get(where, ())]


def pattern(sentence):
    """The sentence as a pattern; a number goes for each {}."""
    return r"(\w(?:[\w.]*\w)?)".join(map(re.escape, sentence.split("{}")))


def unexplained(where, found_in):
    """The numbers with units of a text that neither `SAID` nor `EXCUSED` knows, with their place.

    Those of `SPARSITIES` in % are taken for sparsities.
    """
    for place, sentence, _ in SAID:
        if place == where:
            found_in = re.sub(pattern(sentence), "", found_in)
    known = {phrase.lower() for phrase in excused(where)}
    for found in NUMBER.finditer(found_in):
        phrase = found[1].lower()
        if phrase not in known and phrase.removesuffix("%") not in SPARSITIES:
            yield found_in[max(0, found.start() - 60) : found.end() + 30]


@pytest.mark.parametrize("where, sentence, compute", SAID, ids=[said[1] for said in SAID])
def test_prose_says_what_the_results_say(where, sentence, compute):
    found = re.search(pattern(sentence), text(where))
    assert found, f"{where} no longer says {sentence!r}: mend the table here, or the text"
    expected = compute()
    expected = (expected,) if isinstance(expected, str) else expected
    assert found.groups() == expected, f"{where} says {found[0]!r}"


def test_the_days_and_minutes_of_scaling_follow_from_the_rates():
    mlm, fine_tuning = reference.gpu()["steps a second"].values()
    lines = text("docs/scaling.md").split("|")
    cells = [cell.strip() for cell in lines]
    days = {
        what: cells[at + 2]
        for at, what in enumerate(cells)
        if what.startswith(("MLM training", "fine-tuning:", "together"))
    }
    steps = {what: float(cells[cells.index(what) + 1]) for what in days}
    needed = {
        what: 1e6 * steps[what] / (mlm if what.startswith("MLM") else fine_tuning) / 86_400
        for what in list(days)[:-1]
    }
    needed[list(days)[-1]] = sum(needed.values())
    assert days == {what: f"{value:.1f}" for what, value in needed.items()} and len(days) == 5

    def row(name):
        return cells[cells.index(name) + 1 :][:3]

    minutes = [
        f"{(int(m.replace(',', '')) / mlm + int(f.replace(',', '')) / fine_tuning) / 60:.0f}"
        for m, f in zip(row("steps of MLM training"), row("steps of fine-tuning"))
    ]
    assert row("minutes on one H200") == minutes


def test_the_front_page_opens_with_what_the_results_say():
    opening = "Delete a fifth of BERT's weights, and nobody notices. Delete two thirds, and it fits"
    assert opening in text("README.md"), "mend this test, or the text"
    rows = reference.rows("tiny")
    assert analysis.regimes(rows).free_up_to == 0.2
    lost = -analysis.differences(rows, "prune_pretrain")["mean"]
    fit = analysis.differences(rows, "prune_pretrain", metric="train_loss")["mean"]
    two_thirds = min(lost.index, key=lambda s: abs(s - 2 / 3))
    assert analysis.MARGIN < lost[two_thirds]
    assert fit[two_thirds] <= claims.NATS < fit[fit.index.max()]


@pytest.mark.parametrize("where", [*(name[:2] for name in NAMES), *DOCUMENTS])
def test_no_other_number_is_typed(where):
    found = list(unexplained(where, text(where)))
    assert not found, "let a cell compute it, or hold it in SAID; if it is no result: EXCUSED"


@pytest.mark.parametrize("where", [*(name[:2] for name in NAMES), *DOCUMENTS])
def test_excuses_are_needed(where):
    said = {phrase.lower() for phrase in NUMBER.findall(text(where))}
    assert set(excused(where)) <= said, "nobody says this any more: take it out of EXCUSED"


def test_every_document_is_looked_at():
    documents = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} | {"README.md"}
    assert documents == {*WHOLE, *DOCUMENTS}


def test_a_typed_number_would_be_found():
    typed = "Pruned to 70%, it keeps 41.3% and loses twelve points, 0.3 nats, in three seeds."
    assert len(list(unexplained("00", typed))) == 4
    assert not list(unexplained("00", "At 60% sparsity, with 95% intervals, much is left."))
    assert [word(n) for n in (3, 12, 20, 13)] == ["three", "twelve", "twenty", "13"]

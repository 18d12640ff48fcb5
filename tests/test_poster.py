"""The poster: on its page, nothing over anything else, and with the verdicts of the board."""

import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from course import ROOT
from matplotlib.text import Text

from helpers import claims, paper, plots, reference
from tools import poster

FILE = ROOT / "docs" / "poster.svg"
AGAIN = "make it again: make poster"


@pytest.fixture(scope="module")
def page():
    yield poster.poster()
    plt.close("all")


def drawn(figure):
    """What stands on the page, each with its box: texts, and figures with all their labels."""
    sheet, *axes = figure.axes
    yield from ((text.get_text(), text.get_window_extent()) for text in sheet.texts)
    yield from ((ax.get_ylabel(), ax.get_tightbbox()) for ax in axes)


def test_nothing_runs_out_of_the_page_or_over_anything_else(page):
    things, paper_box = list(drawn(page)), page.bbox.padded(-5 / poster.MM * page.dpi)
    assert len(things) > 50
    assert not [
        name
        for name, box in things
        if not (paper_box.contains(*box.min) and paper_box.contains(*box.max))
    ]
    shrunk = [(name, box.padded(-1)) for name, box in things]  # a pixel for rounding
    assert not [
        (one, other)
        for (one, box), (other, beside) in combinations(shrunk, 2)
        if box.overlaps(beside)
    ]


def test_a_text_over_another_would_be_seen(page):
    (_, first), (_, second), *_ = drawn(page)
    assert not first.overlaps(second) and first.translated(0, second.y0 - first.y0).overlaps(second)


def test_letters_can_be_read_on_a4(page):
    sizes = [text.get_fontsize() for text in page.findobj(Text) if text.get_text()]
    assert min(sizes) * 210 / poster.WIDTH >= 7  # points, once A3 is shrunk to A4


def test_figures_draw_the_shipped_results(page):
    _, pocket, theirs, parts, order = page.axes
    spans = [kind for kind, *_ in plots.regime_spans(reference.rows("tiny"))]
    named = [text.get_text().replace("\n", " ").replace("?", "open") for text in pocket.texts]
    assert [name for name in named if name in plots.REGIMES] == spans
    assert len(theirs.lines) == len(plots.THE_FOUR)
    assert {"deletion", "restriction"} == {t.get_text() for t in parts.get_legend().get_texts()}
    assert "after" in order.get_ylabel()


def test_every_claim_stands_there_with_the_verdicts_of_the_scoreboard(page):
    words = poster.words(page)
    table = (ROOT / "docs" / "scoreboard.md").read_text(encoding="utf-8")
    for number, claim in paper.claims().claim.items():
        row = re.search(rf"^\| {number}\. .+? \(§[\d.]+\) \| (.+) \|$", table, re.MULTILINE)[1]
        assert f" {number} {claim} {' '.join(row.split(' | '))} " in words
    assert len(paper.claims()) == 11 and all(source in words for source in claims.sources())


def test_the_file_is_up_to_date_and_made_of_paths(page):
    root = ElementTree.parse(FILE).getroot()
    described = root.find(".//{http://purl.org/dc/elements/1.1/}description").text
    assert described == poster.words(page), AGAIN
    tags = {element.tag.rsplit("}")[-1] for element in root.iter()}
    assert "path" in tags and not tags & {"image", "text"}, AGAIN
    assert root.get("viewBox").split() == ["0", "0", "841.889764", "1190.551181"]

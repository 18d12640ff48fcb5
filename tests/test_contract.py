"""What every notebook has, by CONTRIBUTING.md, and what none of them may have."""

import base64
import re

import pytest
from course import FOLDER, NAMES, ROOT, code_cells, each_notebook, prose, read

from tools import notebooks

MACHINE_PATH = re.compile(r"(?<![\w.~])/(work|root|home|tmp|Users)\b|\b[A-Z]:\\\\\w")
ROWS = ["You will", "Time and memory", "Builds on", "Paper"]
VIEW = "application/vnd.jupyter.widget-view+json"
SUMMARY = re.compile(r"## What (we found, beside what the paper says|you take with you)")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def headings(name):
    """The headings of a notebook in order, each with its number of #."""
    return [
        (len(marks), text)
        for part in prose(read(name))
        for marks, text in re.findall(r"^(#+) (.+)$", part, re.MULTILINE)
    ]


def figures(name):
    """The code cells that show an image, each with its images."""
    for cell in code_cells(name):
        images = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        if images:
            yield cell, images


def test_no_notebook_is_missing_or_untested():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@each_notebook
def test_opens_with_title_question_and_what_to_expect(name):
    first = read(name).cells[0]
    assert first.cell_type == "markdown"
    assert re.match(rf"# {name[:2]} · \w", first.source)
    assert re.search(r"^\*\*Question\.\*\* .*\?", first.source, re.MULTILINE)
    assert re.findall(r"^\| \*\*(.+?)\*\* \| \S", first.source, re.MULTILINE) == ROWS
    objectives = re.search(r"\| \*\*You will\*\* \| (.*) \|", first.source)[1].split(" · ")
    assert len(objectives) >= 3 and all(objective[0].islower() for objective in objectives), (
        "objectives are verbs, separated by ·"
    )


@each_notebook
def test_headings_are_in_order(name):
    found = headings(name)
    levels = [level for level, _ in found]
    assert levels[0] == 1 and levels.count(1) == 1
    assert not [text for (level, text), before in zip(found[1:], levels) if level > before + 1], (
        "a level is skipped"
    )
    numbers = [
        int(text.split()[0]) for level, text in found if level == 2 and text.split()[0].isdigit()
    ]
    assert numbers == list(range(1, len(numbers) + 1)) and numbers


@each_notebook
def test_closes_with_summary_references_and_next(name):
    parts = prose(read(name))
    sections = [f"{'#' * level} {text}" for level, text in headings(name)]
    assert [section for section in sections if SUMMARY.fullmatch(section)], sections
    last = parts[-1]
    assert 0 <= last.find("**References.**") < last.find("**Next:**")
    if name != NAMES[-1]:
        following = NAMES[NAMES.index(name) + 1]
        assert f"({following}.ipynb)" in last[last.find("**Next:**") :]


@each_notebook
def test_links_to_files_lead_somewhere(name):
    targets = [
        target
        for part in prose(read(name))
        for target in LINK.findall(part)
        if "://" not in target and not target.startswith("mailto:")
    ]
    assert not [target for target in targets if not (FOLDER / target).exists()]


@each_notebook
def test_minutes_and_memory_are_measured(name):
    notebook = read(name)
    assert "measured" in notebook.metadata, (
        "python -m tools.notebooks --in-place measures, with no finished runs in notebooks/runs"
    )
    took = notebook.metadata.measured
    assert re.search(
        rf"\d minutes\*\* on the core path[^;|]*; {re.escape(notebooks.sentence(took))} \|",
        notebook.cells[0].source,
    )
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\|.*\(notebooks/{name}\.ipynb\).*\| ([\d.]+) \|$", readme, re.MULTILINE)
    assert float(row[1]) == took.minutes
    assert f"the cells take on {notebooks.plural(took.cores)};" in readme


@each_notebook
def test_cells_can_be_taken_in(name):
    """At most 20 lines of at most 100 columns; exercises' stubs count, too."""
    sources = [cell.source for cell in code_cells(name)]
    assert not [source for source in sources if len(source.splitlines()) > 20]
    assert not [line for source in sources for line in source.splitlines() if len(line) > 100]


@each_notebook
def test_opens_with_the_ritual(name):
    """The first cell after Colab's says what the notebook works with."""
    opening = code_cells(name)[1].source
    assert re.search(r"^course = lesson\.start\(", opening, re.MULTILINE), opening
    assert re.search(r"^from helpers import .*\blesson\b", opening, re.MULTILINE), opening


@each_notebook
def test_small_enough_to_clone_and_show(name):
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 1_000_000


@each_notebook
def test_committed_as_run_from_top_to_bottom(name):
    cells = code_cells(name)
    assert cells and [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs and not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"], (
        "a warning was left"
    )


@each_notebook
def test_readable_where_no_widget_shows(name):
    """On GitHub, or before a kernel runs: words, no expressions, no bar that stands still."""
    for cell in code_cells(name):
        for output in cell.outputs:
            plain = output.get("data", {}).get("text/plain", "")
            assert "(children=" not in plain and not notebooks.is_progress(output)
            if "predictions." in cell.source and VIEW in output.get("data", {}):
                assert plain.startswith("Predict first: ") and "<" not in plain


@each_notebook
def test_no_path_of_the_machine_that_ran_it(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not [
        text[max(0, found.start() - 40) : found.end() + 40] for found in MACHINE_PATH.finditer(text)
    ]


@each_notebook
def test_exercises_have_marks_hints_and_solutions(name):
    cells = read(name).cells
    for before, cell, after in zip(cells, cells[1:], cells[2:]):
        if "exercises.check(" in cell.source and cell.cell_type == "code":
            said = before.source
            assert re.search(
                r"\*Difficulty [●○]{3} · importance [●○]{3} · .*(minute|hour)", said
            ), said
            assert (
                re.search("<summary>.*[Hh]int", after.source)
                and "<summary>Solution" in after.source
            ), after.source


@each_notebook
def test_predictions_stand_alone_and_are_compared(name):
    cells = code_cells(name)
    for number, cell in enumerate(cells):
        made = re.search(r"^(\w+) = predictions\.(number|choice)\(", cell.source, re.MULTILINE)
        if made:
            assert cell.source.strip().splitlines()[-1] == made[1], (
                "a prediction is shown by the last line of its cell"
            )
            assert "plt.show(" not in cell.source, "a prediction comes before its figure"
            assert any(f"{made[1]}.against(" in later.source for later in cells[number + 1 :]), (
                f"{made[1]} is never compared"
            )


@each_notebook
def test_each_figure_says_its_message(name):
    for cell, images in figures(name):
        said = "".join(map(notebooks.said, cell.outputs))
        assert re.search(r"\w+\W+\w+", said), (
            f"this cell shows a figure and prints no sentence beside it:\n{cell.source}"
        )
        assert all(output.metadata.get("image/png", {}).get("alt") for output in images), (
            "python -m tools.notebooks writes it as alternative text"
        )


@each_notebook
def test_figures_fit_a_laptop(name):
    for cell, images in figures(name):
        for output in images:
            header = base64.b64decode(output.data["image/png"])[:24]
            width = int.from_bytes(header[16:20], "big")
            assert width <= 1_300, (
                f"{width} pixels wide; wider ones are shrunk until their text cannot be read:\n"
                f"{cell.source}"
            )


@pytest.mark.parametrize(
    "path",
    sorted([*FOLDER.glob("*.ipynb"), *(ROOT / "src/helpers").rglob("*.py")]),
    ids=lambda path: path.name,
)
def test_no_text_is_smaller_than_8_points(path):
    sizes = re.findall(r"\w*(?:font|label|title)_?size=(\d+)", path.read_text(encoding="utf-8"))
    assert not [size for size in sizes if int(size) < 8]

"""How long people take: what heads and README say follows from the notebooks."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))
import minutes  # noqa: E402

READ = {path: nbformat.read(path, as_version=4) for path in minutes.NOTEBOOKS}


def small(*cells):
    head = v4.new_markdown_cell("# 10 · T\n\n**0 minutes** on the core path (sections 1)")
    return v4.new_notebook(cells=[head, *cells])


def test_minutes_of_a_small_notebook():
    figure = v4.new_output("display_data", {"image/png": "", "text/plain": ""})
    notebook = small(
        v4.new_markdown_cell("## 1 One\n\n" + "word " * 398),
        v4.new_code_cell("predictions.number('how many?')", outputs=[figure]),
        v4.new_markdown_cell("*Difficulty ●○○ · importance ●●● · 5 to 10 minutes*"),
        v4.new_markdown_cell(
            "## 2 Two\n\n" + "word " * 1000 + "<details>" + "word " * 999 + "</details>"
        ),
        v4.new_markdown_cell("*Difficulty ●○○ · importance ●○○ · 20 minutes*"),
        v4.new_markdown_cell("## 3 Deep dive: more\n\n" + "word " * 1000),
    )
    # 2 minutes of words, 1.5 of a figure, 1 of a prediction, a third more, and 7.5 of an exercise;
    # section 2 has 5 minutes of words, and the dive as many
    assert minutes.minutes(notebook) == (15, 20, 45)
    assert minutes.said(notebook) == (
        "**15 minutes** on the core path (sections 1), 20 with the other sections, "
        "45 with all exercises and deep dives"
    )


@pytest.mark.parametrize("path", READ, ids=lambda path: path.stem)
def test_heads_say_what_the_notebooks_take(path):
    notebook = READ[path]
    assert minutes.said(notebook) in notebook.cells[0].source, "run python docs/minutes.py"
    core, short, everything = minutes.minutes(notebook)
    assert core <= short <= 45 and short <= everything
    named = minutes.core_sections(notebook)
    numbers = {section.number for section in minutes.sections(notebook)}
    assert named is None or named <= numbers
    # what counts most stands on the core path
    for section in minutes.sections(notebook):
        if named is not None and minutes.CORE in section.exercises:
            assert section.number in named


def test_the_core_path_is_an_afternoon_and_the_readme_says_so():
    measured = {path.stem: minutes.minutes(notebook) for path, notebook in READ.items()}
    assert sum(core for name, (core, *_) in measured.items() if name < "08") <= 200
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert minutes.in_readme(readme, measured) == readme

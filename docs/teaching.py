"""What of docs/teaching.md follows from the notebooks.

``python docs/teaching.py`` writes its tables again. `answers`, what the committed notebooks print
in answer to their own questions, is added by the book (`conf.py`).
"""

import re
import sys
from pathlib import Path

import nbformat
from minutes import EXERCISE
from slides import blocks, printed, questions
from still import widget_state

DOCS = Path(__file__).parent
NOTEBOOKS = sorted((DOCS.parent / "notebooks").glob("[0-9]*.ipynb"))
BEGIN, END = "<!-- begin: {} -->", "<!-- end: {} -->"


def exercises(notebook):
    """The exercises of a notebook, in order.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    list of dict
        title, difficulty, importance, minutes (as written), name (of the function to write, or ""),
        folded (whether an answer stands folded below the question).
    """
    found, section = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for kind, source in blocks(cell.source):
                if kind == "heading":
                    section = re.sub(r"^#+ (\d+ )?(Your turn: )?", "", source)
                if marks := EXERCISE.match(source):
                    found.append(
                        {
                            "title": section[:1].upper() + section[1:],
                            "difficulty": marks[1],
                            "importance": marks[2],
                            "minutes": marks[3],
                            "name": "",
                            "folded": "<details>" in cell.source,
                        }
                    )
        elif name := re.search(r"^\w+ = exercises\.check\((\w+)\)", cell.source, re.MULTILINE):
            found[-1]["name"] = name[1]
    return found


def timing(notebook):
    """What the head of a notebook says of reading, of the cells' minutes and of the memory."""
    return re.search(
        r"\*\*Time and memory\*\* \| (.+); the cells take ([\d.]+) minutes and ([\d.]+ GB)",
        notebook.cells[0].source,
    ).groups()


def title(notebook):
    return notebook.cells[0].source.split("\n")[0].removeprefix("# ")


def row(*cells):
    """A row of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def overview(notebooks):
    """A table in Markdown: what each notebook takes."""
    rows = [
        "| notebook | people | cells | memory | exercises |",
        "|---|---|---|---|---|",
    ]
    for path, notebook in notebooks.items():
        reading, minutes, memory = timing(notebook)
        people = " · ".join(re.findall(r"\d+(?= minutes| with)", reading))
        link = f"[{title(notebook)}](../notebooks/{path.name})"
        rows.append(row(link, people, minutes, memory, len(exercises(notebook))))
    return "\n".join(rows)


def exercise_table(notebooks):
    """A table in Markdown: every exercise, and where its solution is."""
    rows = [
        "| | exercise | difficulty | importance | time | solution |",
        "|---|---|---|---|---|---|",
    ]
    for path, notebook in notebooks.items():
        for one in exercises(notebook):
            module = (
                f"[`{one['name']}`](../src/helpers/lesson/exercises/{path.stem[3:]}.py)"
                if one["name"]
                else "folded in the notebook"
                if one["folded"]
                else "open"
            )
            marks = one["difficulty"], one["importance"]
            rows.append(row(path.stem[:2], one["title"], *marks, one["minutes"], module))
    return "\n".join(rows)


def answers(notebooks):
    """Every question of the notebooks, with what they print in answer, in Markdown.

    A prediction is answered by the cell that sets it against the outcome. Another question is
    answered by what is printed with the next figure, or first after it.
    """
    text = []
    for notebook in notebooks.values():
        # each with the variable of its prediction, whether its figure has come, and its answer
        asked = []
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                asked += [
                    [source.removeprefix("**Think first.** "), "", False, ""]
                    for _, source in blocks(cell.source)
                    if source.startswith("**Think first.**")
                ]
                continue
            variable = re.match(r"(\w+) = predictions\.", cell.source)
            asked += [
                [question, variable[1] if variable else "", False, ""]
                for question, _ in questions(cell, widget_state(notebook))
            ]
            said = _said(cell)
            for one in asked:
                _, name, _, answer = one
                one[2] |= (
                    f"{name}.against(" in cell.source
                    if name
                    else any(
                        "image/png" in output.get("data", {}) for output in cell.get("outputs", [])
                    )
                )
                if one[2] and not answer:
                    one[3] = said
        if asked:
            text += [
                f"### {title(notebook)}",
                "\n".join(
                    f"- **{' '.join(question.split())}** {answer or '(not run yet)'}"
                    for question, _, _, answer in asked
                ),
            ]
    return "\n\n".join(text)


def _said(cell):
    """What a cell printed, as a line of Markdown, without commands, notes, exercises' reports."""
    lines = [
        line
        for line in printed(cell)[1]
        if not re.match(r"[○✔✘]|\s*python -m|Reference results|Shipped figures|  ", line)
    ]
    return re.sub(r"([*_\[\]$<])", r"\\\1", " ".join(lines))


def with_tables(document, notebooks):
    """The document with what stands between the marks made anew."""
    for name, make in (("overview", overview), ("exercises", exercise_table)):
        begin, end = BEGIN.format(name), END.format(name)
        table = f"{begin}\n{make(notebooks)}\n{end}".replace("\\", r"\\")  # no escapes for sub
        document = re.sub(f"{begin}.*?{end}", table, document, flags=re.DOTALL)
    return document


def read():
    """The notebooks of the course, by path."""
    return {path: nbformat.read(path, as_version=4) for path in NOTEBOOKS}


if __name__ == "__main__":
    page = DOCS / "teaching.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8"), read()), encoding="utf-8")
    print(
        answers(read()) if "--answers" in sys.argv else f"the tables in {page.name} are up to date"
    )

"""How long people take for a notebook: ``python docs/minutes.py`` writes it into their heads.

Reading runs at 200 words a minute. A figure takes a minute and a half, a table or a prediction one.
What a test reader thought and skimmed on top is a third of that. An exercise takes what it says.
"""

import re
from pathlib import Path
from typing import NamedTuple

import nbformat

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("[0-9]*.ipynb"))
WORDS, FIGURE, TABLE, PREDICTION, THINKING = 200, 1.5, 1, 1, 1.35
SAID = re.compile(
    r"\*\*\d+ minutes\*\* on the core path \((sections [\d, and]+|all)\)"
    r"(, \d+ with the other sections)?(, \d+ with all exercises(?: and deep dives)?)?"
)
CORE, BEYOND = "●●●", "Deep dive"
# An exercise's difficulty, importance and minutes
EXERCISE = re.compile(r"^\*Difficulty ([●○]+) · importance ([●○]+) · (.+)\*$", re.MULTILINE)


class Section(NamedTuple):
    """Minutes of a section, with its exercises by importance."""

    title: str
    reading: float
    exercises: dict[str, float]

    @property
    def number(self):
        """The number in the heading, or none for the head and the answer."""
        found = re.match(r"\d+", self.title)
        return int(found[0]) if found else None


def outputs(cell):
    """Minutes for what a cell shows."""
    minutes = 0
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/markdown" in data:
            minutes += len(data["text/markdown"].split()) / WORDS
        elif "image/png" in data or "image/svg+xml" in data:
            minutes += FIGURE
        elif "text/html" in data:
            minutes += TABLE
    return minutes + PREDICTION * len(re.findall(r"predictions\.(?:number|choice)", cell.source))


def sections(notebook):
    """The sections of a notebook, its head first; what is folded is not read.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With outputs.

    Returns
    -------
    list of Section
    """
    found = [["", 0.0, {}]]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found[-1][1] += outputs(cell)
            continue
        for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
            if part.startswith("## "):
                found.append([part.split("\n")[0][3:], 0.0, {}])
            read = re.sub(r"<details>.*?</details>", "", part, flags=re.DOTALL)
            found[-1][1] += len(read.split()) / WORDS
            for _, importance, time in EXERCISE.findall(part):
                ends = [int(number) for number in re.findall(r"\d+", time)]
                exercises = found[-1][2]
                middle = sum(ends) / len(ends) if ends else 0
                exercises[importance] = exercises.get(importance, 0) + middle
    return [Section(title, THINKING * reading, of) for title, reading, of in found]


def core_sections(notebook):
    """The numbers that the head names as core path, or None if all sections belong to it."""
    named = SAID.search(notebook.cells[0].source)[1]
    return None if named == "all" else {int(number) for number in re.findall(r"\d+", named)}


def minutes(notebook):
    """Minutes of the core path, of all but deep dives, and of everything; rounded to fives.

    The core path has the head, its sections, the answer at the end, and the exercises of
    importance ●●●.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    tuple of (int, int, int)
    """
    core, found, dived = core_sections(notebook), [0.0, 0.0, 0.0], False
    for section in sections(notebook):
        dived = dived or BEYOND in section.title
        main = section.exercises.get(CORE, 0)
        if not dived:
            found[1] += section.reading + main
            if core is None or section.number is None or section.number in core:
                found[0] += section.reading + main
        found[2] += section.reading + sum(section.exercises.values())
    return tuple(5 * round(total / 5) for total in found)


def said(notebook):
    """What the head should say of a notebook's minutes."""
    core, short, everything = minutes(notebook)
    named = SAID.search(notebook.cells[0].source)[1]
    text = f"**{core} minutes** on the core path ({named})"
    if short > core:
        text += f", {short} with the other sections"
    if everything > short:
        text += f", {everything} with all exercises"
        if any(BEYOND in section.title for section in sections(notebook)):
            text += " and deep dives"
    return text


def in_readme(text, measured):
    """The README with these minutes in its table, and the hours of the core path below it.

    Parameters
    ----------
    text : str
    measured : dict of str to tuple
        Name of a notebook → its `minutes`.
    """
    for name, (core, _, everything) in measured.items():
        row = rf"(\(notebooks/{name}\.ipynb\) \|.*\| )[\d to]+( \| [\d.]+ \|)$"
        told = f"{core} to {everything}" if everything > core else f"{core}"
        text = re.sub(row, rf"\g<1>{told}\2", text, flags=re.MULTILINE)
    hours = sum(core for name, (core, *_) in measured.items() if name < "08") / 60
    return re.sub(r"(00 to 07 takes )[\d.]+( hours)", rf"\g<1>{hours:.1f}\2", text)


if __name__ == "__main__":
    measured, readme = {}, NOTEBOOKS[0].parent.parent / "README.md"
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        text = path.read_text(encoding="utf-8")
        path.write_text(SAID.sub(said(notebook), text, count=1), encoding="utf-8")
        measured[path.stem] = minutes(notebook)
        print(path.stem, *measured[path.stem])
    text = in_readme(readme.read_text(encoding="utf-8"), measured)
    readme.write_text(text, encoding="utf-8")

"""Copy stubs and solutions into the notebooks: ``python -m tools.exercises [notebooks/*.ipynb]``.

What a learner has written into a stub is overwritten.
"""

import re
import sys
from pathlib import Path

import nbformat

from helpers.lesson.exercises import exercises


def synchronise(notebook):
    """Write the stubs and solutions of all exercises into a notebook, in place.

    A stub ends at ``NAME = exercises.check(NAME)``. A solution is the block of code in a folded
    text that begins with the exercise's ``def``.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    list of str
        Names of the exercises that stand in the notebook, in order.
    """
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for name in re.findall(r"^\w+ = exercises\.check\((\w+)\)", cell.source, re.MULTILINE):
                start, rest = (
                    cell.source.index(f"def {name}("),
                    cell.source.index(f"{name} = exercises.check("),
                )
                cell.source = (
                    cell.source[:start] + exercises()[name].stub + "\n\n\n" + cell.source[rest:]
                )
                found.append(name)
        else:
            cell.source = re.sub(
                r"```python\ndef (\w+)\(.*?\n```", _solution, cell.source, flags=re.DOTALL
            )
    return found


def _solution(match):
    known = exercises().get(match[1])
    return f"```python\n{known.answer}\n```" if known else match[0]


def main(paths):
    """Write what differs, and say so."""
    for path in paths or sorted(Path("notebooks").glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        names = synchronise(notebook)
        same = nbformat.writes(notebook) == before
        if not same:
            nbformat.write(notebook, path)
        print(f"{path}: {', '.join(names) or 'no exercises'}{'' if same else ', written'}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Launch badges, and the cell that fetches the course on Colab: written into README and notebooks from one place.

That place is the repository's address in ``pyproject.toml``. For a fork: ``python -m tools.links OWNER/REPO``; without an
argument the address stays, and what is missing or differs is written.
"""

import re
import sys
import tomllib
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

from tools.notebooks import find

BADGES = re.compile(r"^\[!\[Open in Binder\].*\n\n?", re.MULTILINE)
TITLE = re.compile(r"^# .*\n+", re.MULTILINE)
ADDRESS = re.compile(r'^Repository = "(.*)"$', re.MULTILINE)


def repository(pyproject="pyproject.toml"):
    """The address of the course's repository.

    Returns
    -------
    str

    Raises
    ------
    FileNotFoundError
        If there is no such file: the commands of this module work at the top of the course.
    """
    return tomllib.loads(Path(pyproject).read_text(encoding="utf-8"))["project"]["urls"][
        "Repository"
    ]


def badges(address, name):
    """A line of Markdown with the badges that open a notebook on Binder and on Colab.

    Parameters
    ----------
    address : str
        Of a repository on GitHub.
    name : str
        Of a notebook, such as ``00_start_here``.

    Returns
    -------
    str
    """
    place = address.removeprefix("https://github.com/")
    binder = f"https://mybinder.org/v2/gh/{place}/HEAD?labpath=notebooks%2F{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{place}/blob/main/notebooks/{name}.ipynb"
    return (
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder}) "
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})"
    )


def with_badges(text, line):
    """The Markdown text with this line of badges below its title, in place of any other."""
    return TITLE.sub(
        lambda title: f"{title[0].rstrip()}\n\n{line}\n\n", BADGES.sub("", text), count=1
    )


def colab_cell(address):
    """The source of the cell that comes first in each notebook; elsewhere than on Colab it does nothing.

    Colab has most of what the course needs. ``--no-deps`` keeps pip from changing any of that, torch and NumPy above all.
    """
    return f"""import sys

# Colab lacks the course and evaluate; its own torch and NumPy stay as they are
if "google.colab" in sys.modules:
    %pip install -q --no-deps git+{address} evaluate"""


def write(notebook, address, name):
    """Write the badges and the cell for Colab into a notebook, in place.

    The badges stand below the title. The cell follows the table at the head of the notebook; a text that goes on after
    the table gets a cell of its own, so that it stays above the code it introduces.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    address : str
        Of a repository on GitHub.
    name : str
        Of the notebook.
    """
    head = notebook.cells[0]
    head.source = with_badges(head.source, badges(address, name))
    cell = next((cell for cell in notebook.cells if cell.get("id") == "colab"), None)
    if cell is None:
        table, rest = re.match(r"(.*?\n\|[^\n]*(?=\n\n|\Z))(.*)", head.source, re.DOTALL).groups()
        cell = new_code_cell(
            id="colab", metadata={"jupyter": {"source_hidden": True}, "tags": ["remove-cell"]}
        )
        head.source = table
        notebook.cells[1:1] = [
            cell,
            *([new_markdown_cell(rest.strip(), id=f"{head.id}-rest")] if rest.strip() else []),
        ]
    cell.source = colab_cell(address)


def main(arguments):
    """Write the links into README.md and all notebooks; returns the exit code."""
    pyproject, readme = Path("pyproject.toml"), Path("README.md")
    if len(arguments) > 1 or not all(
        re.fullmatch(r"[\w.-]+/[\w.-]+", place) for place in arguments
    ):
        print(
            f"python -m tools.links OWNER/REPO: one repository on GitHub, such as jane/bert-course; got {' '.join(arguments)!r}",
            file=sys.stderr,
        )
        return 2
    try:
        if arguments:
            pyproject.write_text(
                ADDRESS.sub(
                    f'Repository = "https://github.com/{arguments[0]}"',
                    pyproject.read_text(encoding="utf-8"),
                ),
                encoding="utf-8",
            )
        address, paths = repository(pyproject), find("notebooks")
    except FileNotFoundError as error:
        print(f"{error}; go to the top of the course", file=sys.stderr)
        return 1
    readme.write_text(
        with_badges(readme.read_text(encoding="utf-8"), badges(address, paths[0].stem)),
        encoding="utf-8",
    )
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        write(notebook, address, path.stem)
        if nbformat.writes(notebook) != before:
            nbformat.write(notebook, path)
    print(f"README.md and {len(paths)} notebooks lead to {address}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

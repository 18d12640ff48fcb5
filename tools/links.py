"""Launch badges and Colab's cell, written into README and notebooks from one place.

That place is the repository's address in ``pyproject.toml``. For a fork: ``python -m tools.links
OWNER/REPO``; without an argument the address stays, and what is missing or differs is written.
While the address still says OWNER, there are no badges; a line in README says how to get them.
"""

import re
import sys
import tomllib
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

from tools.places import find

NOTICE = (
    "*Binder and Colab: once this is on GitHub, `make links REPO=you/repo` writes the badges here.*"
)
BADGES = re.compile(rf"^(?:\[!\[Open in Binder\].*|{re.escape(NOTICE)})\n\n?", re.MULTILINE)
TITLE = re.compile(r"^# .*\n+", re.MULTILINE)
ADDRESS = re.compile(r'^Repository = "(.*)"$', re.MULTILINE)


def repository(pyproject: str | Path = "pyproject.toml") -> str:
    """The address of the course's repository.

    Raises
    ------
    FileNotFoundError
        If there is no such file: the commands of this module work at the top of the course.
    """
    table = tomllib.loads(Path(pyproject).read_text(encoding="utf-8"))
    return table["project"]["urls"]["Repository"]


def is_placeholder(address: str) -> bool:
    """Whether the address still stands for one that nobody has filled in."""
    return "/OWNER/" in address


def badges(address: str, name: str) -> str:
    """A line of Markdown with the badges that open a notebook on Binder and on Colab, or nothing.

    Parameters
    ----------
    address : str
        Of a repository on GitHub.
    name : str
        Of a notebook, such as ``00_start_here``.

    Returns
    -------
    str
        Empty while the address is a placeholder.
    """
    if is_placeholder(address):
        return ""
    place = address.removeprefix("https://github.com/")
    binder = f"https://mybinder.org/v2/gh/{place}/HEAD?labpath=notebooks%2F{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{place}/blob/main/notebooks/{name}.ipynb"
    return (
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder}) "
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})"
    )


def with_badges(text: str, line: str) -> str:
    """The Markdown text with this line below its title, if any, in place of an earlier one."""
    below = f"{line}\n\n" if line else ""
    return TITLE.sub(lambda title: f"{title[0].rstrip()}\n\n{below}", BADGES.sub("", text), count=1)


def colab_cell(address: str) -> str:
    """The source of the cell that comes first in each notebook; it does nothing but on Colab.

    Colab has most of what the course needs. ``--no-deps`` keeps pip from changing any of that,
    torch and NumPy above all.
    """
    return f"""import sys

if "google.colab" in sys.modules:  # Colab lacks the course; its own torch and NumPy stay
    %pip install -q --no-deps git+{address} evaluate"""


def write(notebook: nbformat.NotebookNode, address: str, name: str) -> None:
    """Write the badges and the cell for Colab into a notebook, in place.

    The badges stand below the title. The cell follows the table at the head of the notebook; a text
    that goes on after the table gets a cell of its own, so that it stays above the code that it
    introduces.

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


def main(arguments: list[str]) -> int:
    """Write the links into README.md and all notebooks; returns the exit code."""
    pyproject, readme = Path("pyproject.toml"), Path("README.md")
    if len(arguments) > 1 or not all(
        re.fullmatch(r"[\w.-]+/[\w.-]+", place) for place in arguments
    ):
        print(
            "python -m tools.links OWNER/REPO: one repository on GitHub, such as "
            f"jane/bert-course; got {' '.join(arguments)!r}",
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
    line = badges(address, paths[0].stem) or NOTICE
    text = with_badges(readme.read_text(encoding="utf-8"), line)
    readme.write_text(text, encoding="utf-8")
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        write(notebook, address, path.stem)
        if nbformat.writes(notebook) != before:
            nbformat.write(notebook, path)
    if is_placeholder(address):
        print(f"no badges yet: {address} stands for your repository; make links REPO=you/repo")
    else:
        print(f"README.md and {len(paths)} notebooks lead to {address}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

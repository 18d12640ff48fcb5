"""Copy stubs and solutions into the notebooks: ``python -m helpers.exercises [notebooks/*.ipynb]``, for authors.

What a learner has written into a stub is overwritten.
"""

import sys
from pathlib import Path

import nbformat

from . import synchronise

for path in sys.argv[1:] or sorted(Path("notebooks").glob("[0-9]*.ipynb")):
    notebook = nbformat.read(path, as_version=4)
    before = nbformat.writes(notebook)
    names = synchronise(notebook)
    if nbformat.writes(notebook) != before:
        nbformat.write(notebook, path)
    print(f"{path}: {', '.join(names) or 'no exercises'}{'' if nbformat.writes(notebook) == before else ', written'}")

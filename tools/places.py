"""Where the notebooks are. It needs nothing but Python, so that `tools.links` runs anywhere."""

from fnmatch import fnmatch
from pathlib import Path


def find(folder: str | Path, pattern: str = "") -> list[Path]:
    """The notebooks in a folder, in reading order.

    Parameters
    ----------
    folder : str or path
    pattern : str
        Those whose name contains this, a plain string or a glob; default: all.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    notebooks = sorted(Path(folder).glob("[0-9]*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(
            f"no notebooks in {str(folder)!r}; go to the top of the course, or name their folder "
            "with --notebooks"
        )
    chosen = [path for path in notebooks if fnmatch(path.stem, f"*{pattern}*")]
    if not chosen:
        names = ", ".join(path.stem for path in notebooks)
        raise FileNotFoundError(f"no notebook is called {pattern!r}; there are {names}")
    return chosen

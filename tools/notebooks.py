"""Execute the course's notebooks, with progress, and make the book of them.

From a shell: ``python -m tools.notebooks --out build``, or with ``--only 03`` just one. With
``--in-place`` the notebooks are written back, and the minutes and the memory that they took into
their first cells and into the README.
"""

import argparse
import base64
import io
import math
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from PIL import Image
from tqdm import tqdm

from helpers import machine
from helpers.lesson import page
from tools.places import find

ROOT = Path(__file__).parent.parent

# A bar; without its widget it would stand still for ever
PROGRESS = re.compile(r".*\[\d\d:\d\d<?.*(it/s|s/it)")
STATED = re.compile(r"the cells take [\d.]+ minutes and [\d.]+ GB on \w+ CPU cores?")


def peak_megabytes(pid: int) -> float:
    """The most memory a process has held so far, or NaN where the system does not tell.

    Linux does. psutil has no peak there.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return math.nan
    peak = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(peak[1]) * 1024 / 1e6 if peak else math.nan


def execute(notebook: NotebookNode, folder: Path, name: str) -> tuple[int, float, float]:
    """Run all cells of `notebook` in place, in a kernel of this Python, with a progress bar.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    folder : Path
        Where the kernel works.
    name : str
        Shown beside the bar.

    Returns
    -------
    cells, minutes, megabytes : int, float, float
        The number of code cells, the time they took, and the kernel's peak memory.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        At the first cell that fails; what ran until then is in `notebook`.
    """
    peak = math.nan
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    started = time.perf_counter()

    def after_cell(**_):
        nonlocal peak
        peak = peak_megabytes(client.km.provisioner.pid)  # asked while the kernel still lives
        bar.update()

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=None,
        record_timing=False,
        coalesce_streams=True,
        on_cell_executed=after_cell,
        resources={"metadata": {"path": str(folder)}},
        # a kernel's warning about local connections would break the bar
        extra_arguments=["--IPKernelApp.log_level=40"],
    )
    with tqdm(total=cells, desc=f"{name:26}", unit="cell") as bar:
        client.execute(env={**os.environ, page.WISH: "1"})  # explorers live on pages, too
        minutes = (time.perf_counter() - started) / 60
        bar.set_postfix_str(f"{minutes:.1f} min, {peak:.0f} MB")
    return cells, minutes, peak


def reduce_colours(notebook: NotebookNode) -> None:
    """Store each figure with 256 colours, in place.

    It takes a third of the bytes, and the eye sees no difference.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = _with_256_colours(output.data["image/png"])


def _with_256_colours(png):
    """A picture, in base64, with a palette; one that has a palette already stays as it is."""
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        if image.mode == "P":
            return png
        small, dpi = io.BytesIO(), image.info.get("dpi")
        reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        reduced.save(small, "png", optimize=True, dpi=dpi)
    return base64.b64encode(small.getvalue()).decode()


def normalise(notebook: NotebookNode) -> None:
    """Drop what changes from machine to machine, in place, and keep the notebook small.

    A notebook that was run again then differs only where its results do.
    """
    notebook.metadata.kernelspec = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata.get("language_info", {}).pop("version", None)
    reduce_colours(notebook)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not is_progress(output)]


def is_progress(output: NotebookNode) -> bool:
    """Whether an output shows progress: a bar, or the Trainer's table of losses."""
    data = output.get("data", {})
    bar = PROGRESS.match(data.get("text/plain", ""))
    return bool(bar) or "<progress" in data.get("text/html", "")


def said(output: NotebookNode) -> str:
    """What an output says in words: what was printed, or `helpers.lesson.say` showed; else ""."""
    if output.get("name") == "stdout":
        return output.text
    data = output.get("data", {})
    return "".join(data.get("text/plain", "")) if "text/markdown" in data else ""


def describe_figures(notebook: NotebookNode) -> None:
    """Give each figure what its cell says as alternative text, in place.

    It is the text after the figure, or else all that the cell says.
    """
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        printed = " ".join(filter(None, map(said, outputs)))
        after = ""
        for output in reversed(outputs):
            if said(output):
                after = f"{said(output)} {after}"
            elif "image/png" in output.get("data", {}) and (text := (after or printed).split()):
                plain = " ".join(text).replace("**", "")  # bold only where it is shown
                output.metadata.setdefault("image/png", {})["alt"] = plain


def state(notebook: NotebookNode, minutes: float, megabytes: float) -> None:
    """Write what a run took into the notebook's first cell and its metadata, in place.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    minutes, megabytes : float
        Of the whole run, and at its peak.
    """
    took = {
        "minutes": max(0.1, round(minutes, 1)),
        "gigabytes": round(megabytes / 1000, 1),
        "cores": machine.cores(),
    }
    notebook.metadata["measured"] = took
    notebook.cells[0].source = STATED.sub(sentence(took), notebook.cells[0].source)


def sentence(took: dict) -> str:
    """What a notebook's first cell says of a measurement, a dict of minutes, gigabytes, cores."""
    minutes, gigabytes = took["minutes"], took["gigabytes"]
    return f"the cells take {minutes} minutes and {gigabytes} GB on {plural(took['cores'])}"


def plural(cores: int) -> str:
    """Such as "2 CPU cores"."""
    return f"{cores} CPU core{'s' * (cores > 1)}"


def state_in_readme(readme: Path, measured: dict[str, dict]) -> None:
    """Write the minutes of notebooks into the README's table.

    Parameters
    ----------
    readme : Path
    measured : dict of str to dict
        Name of a notebook → its measurement.
    """
    text = readme.read_text(encoding="utf-8")
    for name, took in measured.items():
        text = re.sub(
            rf"(\(notebooks/{name}\.ipynb\) \|.*\| )[\d.]+( \|)$",
            rf"\g<1>{took['minutes']}\2",
            text,
            flags=re.MULTILINE,
        )
        text = re.sub(r"(the cells take on )\w+ CPU cores?", rf"\g<1>{plural(took['cores'])}", text)
    readme.write_text(text, encoding="utf-8")


def make_book(out: Path) -> str:
    """Build the book of the notebooks in `out`, into its folder ``book``.

    Returns
    -------
    str
        What to tell: where to click, or how to get what is missing.
    """
    if find_spec("myst_nb") is None:
        return "no book without its packages: pip install -e .[book]"
    command = [sys.executable, "-m", "sphinx", "-E", "-q", "-c", "docs", ".", out / "book"]
    print("\nmaking the book of them ...", flush=True)
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "EXECUTED": str(out)})
    if done.returncode:
        return "the book could not be made; what Sphinx says stands above"
    return f"open this in a browser: {out / 'book/index.html'}"


def main(arguments: list[str] | None = None) -> int:
    """Execute the notebooks that the command line asks for.

    Returns
    -------
    int
        The exit code: 0, or 1 if a notebook is missing or a cell fails.
    """
    options = make_parser().parse_args(arguments)
    try:
        paths = find(options.notebooks, options.only)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    # finished runs are not made again, so the time would be too short
    kept = (options.notebooks / "runs").exists()
    rows = []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.pop("widgets", None)  # the state of the widgets of an earlier run
        try:
            rows.append((path.stem, *execute(notebook, path.parent, path.stem)))
        except (CellExecutionError, DeadKernelError) as error:
            tell_failure(path, options.out, error)
            return 1
        finally:
            normalise(notebook)
            describe_figures(notebook)
            nbformat.write(notebook, options.out / path.name)
        if options.in_place:
            write_back(notebook, path, rows[-1], measures=not kept)

    print_table(rows)
    print(f"\nexecuted notebooks are in {options.out}")
    if options.in_place and (kept or any(math.isnan(peak) for *_, peak in rows)):
        why = (
            f"{options.notebooks / 'runs'} has finished runs, which spare time; move it away to "
            "measure"
            if kept
            else "this system does not tell the memory of a process"
        )
        print(f"minutes and memory were not written: {why}")
    if not options.no_book:
        print(make_book(options.out.resolve()))
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options and their help."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.notebooks", description="Execute the course's notebooks."
    )
    add = parser.add_argument
    add(
        "--notebooks",
        default=Path("notebooks"),
        type=Path,
        metavar="DIR",
        help="where they are; default: notebooks",
    )
    add(
        "--only",
        default="",
        metavar="PATTERN",
        help='those whose name contains this, such as 03 or "0[1-3]"',
    )
    add(
        "--out",
        default=Path("build"),
        type=Path,
        metavar="DIR",
        help="where executed notebooks and the book go; default: build",
    )
    add(
        "--in-place",
        action="store_true",
        help="also write each executed notebook back to where it came from, with what it took",
    )
    add("--no-book", action="store_true", help="only execute")
    return parser


def tell_failure(path: Path, out: Path, error: Exception) -> None:
    """Say which notebook stopped, where what it did until then is, and why.

    Parameters
    ----------
    path, out : Path
        The notebook, and the folder of executed ones.
    error : Exception
    """
    hint = " (is there too little memory?)" if isinstance(error, DeadKernelError) else ""
    print(
        f"\n{path.name} stopped at a cell that fails; {out} has it as far as it got\n\n"
        f"{strip_ansi(str(error))}{hint}",
        file=sys.stderr,
    )


def write_back(notebook: NotebookNode, path: Path, row: tuple, measures: bool) -> None:
    """Write an executed notebook to where it came from, with what it took if that was measured.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    path : Path
    row : tuple
        The notebook's name, its cells, minutes and megabytes.
    measures : bool
        Whether the minutes are those of a whole run.
    """
    _, _, minutes, peak = row
    if measures and not math.isnan(peak):
        state(notebook, minutes, peak)
        readme = path.parent.parent / "README.md"
        if readme.exists():  # now, so that the two agree also if a later notebook fails
            state_in_readme(readme, {path.stem: notebook.metadata["measured"]})
    nbformat.write(notebook, path)


def print_table(rows: list[tuple]) -> None:
    """Print what each notebook took, and all of them together."""
    print(f"\n{'notebook':26} {'cells':>5} {'minutes':>8} {'peak MB':>8}")
    _, cells, minutes, peaks = zip(*rows)
    for row in [*rows, ("together", sum(cells), sum(minutes), max(peaks))]:
        print("{:26} {:5} {:8.1f} {:8.0f}".format(*row))


if __name__ == "__main__":
    sys.exit(main())

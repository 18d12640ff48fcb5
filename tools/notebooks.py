"""Execute the course's notebooks, with progress, and keep them and their HTML.

From a shell: ``python -m tools.notebooks --out build``, or with ``--only 03`` just one. With ``--in-place`` the notebooks
are written back, and the minutes and the memory that they took into their first cells and into the README.
"""

import argparse
import base64
import io
import math
import re
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters import strip_ansi
from PIL import Image
from tqdm import tqdm
from traitlets.config import Config

from helpers import machine

# JupyterLab's page, whose figures have no alternative text of their own
PAGE = """{% extends "lab/index.html.j2" %}
{% block data_png scoped %}
{%- set alt = output | get_metadata("alt", "image/png") or "" -%}
{{ super() | replace("<img ", '<img alt="' ~ (alt | escape_html) ~ '" ') if alt else super() }}
{%- endblock %}"""
STATED = re.compile(r"the cells take [\d.]+ minutes and [\d.]+ GB on \w+ CPU cores?")


def find(folder, pattern=""):
    """The notebooks in `folder` whose name contains `pattern` (a plain string or a glob), in reading order."""
    notebooks = sorted(Path(folder).glob("[0-9]*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(
            f"no notebooks in {str(folder)!r}; go to the top of the course, or name their folder with --notebooks"
        )
    chosen = [path for path in notebooks if fnmatch(path.stem, f"*{pattern}*")]
    if not chosen:
        raise FileNotFoundError(
            f"no notebook is called {pattern!r}; there are {', '.join(path.stem for path in notebooks)}"
        )
    return chosen


def peak_megabytes(pid):
    """The most memory a process has held so far, or NaN where the system does not tell (it does on Linux)."""
    try:
        return (
            int(re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1])
            * 1024
            / 1e6
        )
    except (OSError, TypeError):
        return float("nan")


def execute(notebook, folder, name):
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
    peak = float("nan")
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
        extra_arguments=[
            "--IPKernelApp.log_level=40"
        ],  # its warning about local connections would break the bar
    )
    with tqdm(total=cells, desc=f"{name:26}", unit="cell") as bar:
        client.execute()
        minutes = (time.perf_counter() - started) / 60
        bar.set_postfix_str(f"{minutes:.1f} min, {peak:.0f} MB")
    return cells, minutes, peak


def reduce_colours(notebook):
    """Store each figure with 256 colours, in place: a third of the bytes, and no difference that the eye can see."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                with Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))) as image:
                    if image.mode != "P":
                        small = io.BytesIO()
                        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
                            small, "png", optimize=True, dpi=image.info.get("dpi")
                        )
                        output.data["image/png"] = base64.b64encode(small.getvalue()).decode()


def normalise(notebook):
    """Drop what changes from machine to machine, so that a re-run notebook differs only where its results do, and keep it small."""
    notebook.metadata.kernelspec = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata.get("language_info", {}).pop("version", None)
    reduce_colours(notebook)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)


def describe_figures(notebook):
    """Give each figure what its cell prints as alternative text, in place: the text after the figure, or else before it."""
    for cell in notebook.cells:
        said = ""
        for output in reversed(cell.get("outputs", [])):
            if output.get("name") == "stdout":
                said = output.text
            elif "image/png" in output.get("data", {}):
                text = said or "".join(
                    other.text for other in cell.outputs if other.get("name") == "stdout"
                )
                if text.strip():
                    output.metadata["image/png"] = output.metadata.get("image/png", {}) | {
                        "alt": " ".join(text.split())
                    }


def state(notebook, minutes, megabytes):
    """Write what a run took where readers and tests find it, in place: the first cell's sentence, and the metadata.

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


def sentence(took):
    """What a notebook's first cell says of a measurement, a dict of minutes, gigabytes and cores."""
    return f"the cells take {took['minutes']} minutes and {took['gigabytes']} GB on {plural(took['cores'])}"


def plural(cores):
    """Such as "2 CPU cores"."""
    return f"{cores} CPU core{'s' * (cores > 1)}"


def state_in_readme(readme, measured):
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


def to_html(notebook, folder, name):
    """The notebook as one HTML page, with its images inside, described, and its links to other notebooks leading to their pages.

    Cells that only prepare a place to run in, tagged ``remove-cell``, are left out.
    """
    describe_figures(notebook)
    resources = {"metadata": {"name": name, "path": str(folder)}}
    settings = Config(
        {"TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": ["remove-cell"]}}
    )
    html, _ = HTMLExporter(
        config=settings, raw_template=PAGE, embed_images=True
    ).from_notebook_node(notebook, resources=resources)
    return re.sub(r'href="(\d\d_\w+)\.ipynb', r'href="\1.html', html)


def main(arguments=None):
    """Execute the notebooks; returns the exit code: 0, or 1 if a notebook is missing or a cell fails."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.notebooks", description="Execute the course's notebooks."
    )
    parser.add_argument(
        "--notebooks", default="notebooks", metavar="DIR", help="where they are; default: notebooks"
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="PATTERN",
        help='those whose name contains this, such as 03 or "0[1-3]"',
    )
    parser.add_argument(
        "--out",
        default="build",
        metavar="DIR",
        help="where executed notebooks and HTML go; default: build",
    )
    parser.add_argument(
        "--in-place",
        action="store_true",
        help="also write each executed notebook back to where it came from, with what it took",
    )
    parser.add_argument("--no-html", action="store_true", help="no HTML")
    options = parser.parse_args(arguments)

    try:
        paths = find(options.notebooks, options.only)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    kept = Path(
        options.notebooks, "runs"
    ).exists()  # finished runs are not made again, so the time would be too short

    readme = Path(options.notebooks).parent / "README.md"

    rows, measured = [], {}
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.pop("widgets", None)  # the state of the widgets of an earlier run
        try:
            rows.append((path.stem, *execute(notebook, path.parent, path.stem)))
        except (CellExecutionError, DeadKernelError) as error:
            hint = " (is there too little memory?)" if isinstance(error, DeadKernelError) else ""
            print(
                f"\n{path.name} stopped at a cell that fails; {out} has it as far as it got\n",
                file=sys.stderr,
            )
            print(strip_ansi(str(error)) + hint, file=sys.stderr)
            return 1
        finally:
            normalise(notebook)
            describe_figures(notebook)
            nbformat.write(notebook, out / path.name)
        if options.in_place:
            _, _, minutes, peak = rows[-1]
            if not kept and not math.isnan(peak):
                state(notebook, minutes, peak)
                measured[path.stem] = notebook.metadata["measured"]
                if readme.exists():  # now, so that the two agree also if a later notebook fails
                    state_in_readme(readme, {path.stem: measured[path.stem]})
            nbformat.write(notebook, path)
        if not options.no_html:
            (out / f"{path.stem}.html").write_text(
                to_html(notebook, path.parent, path.stem), encoding="utf-8"
            )

    print(f"\n{'notebook':26} {'cells':>5} {'minutes':>8} {'peak MB':>8}")
    for name, cells, minutes, peak in rows:
        print(f"{name:26} {cells:5} {minutes:8.1f} {peak:8.0f}")
    _, cells, minutes, peaks = zip(*rows)
    print(f"{'together':26} {sum(cells):5} {sum(minutes):8.1f} {max(peaks):8.0f}")
    print(f"\nexecuted notebooks{'' if options.no_html else ' and HTML'} are in {out}")
    if options.in_place and not measured:
        print(
            f"minutes and memory were not written: {Path(options.notebooks, 'runs')} has finished runs, which spare time; move it away to measure"
            if kept
            else "minutes and memory were not written: this system does not tell the memory of a process"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The book: README, notebooks and documents as a web site (``make book``).

It loads nothing from the web. The notebooks are shown with the outputs they are committed with, or
with those of the folder that the variable EXECUTED names (``make run``); nothing is executed here.
They hold nothing that only Sphinx understands: citations are added here, and widgets become what
lives on a page (`still.py`, `living.py`).
"""

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
from pybtex.database import parse_file

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))
import living  # noqa: E402
import slides  # noqa: E402
from still import still  # noqa: E402
from teaching import answers, read  # noqa: E402

project = "Pruning BERT: what is lost, and why"
author = "the authors of compressing-bert-course"
language = "en"
extensions = ["myst_nb", "sphinxcontrib.bibtex"]
root_doc = "README"  # sources are the whole repository, so that links work as they do on GitHub
include_patterns = ["README.md", "CONTRIBUTING.md", "docs/*.md", "notebooks/[0-9]*.ipynb"]
exclude_patterns = [".*", "build", "src", "tests", "notebooks/runs"]  # not even looked at

nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
suppress_warnings = ["bibtex.missing_field"]

html_theme = "sphinx_book_theme"
html_title = project
# of all MathJax one file: it draws with paths and needs no fonts
html_static_path = [
    "_static",
    str(Path(find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax/tex-svg.js"),
]
mathjax_path = "tex-svg.js"
html_css_files = ["book.css"]
html_js_files = ["explorers.js", "curves.js", "book.js"]
html_show_search_summary = False  # a page from a disk may fetch nothing
html_additional_pages = {"index": "index.html"}
html_sidebars = {"index": []}
templates_path = ["_templates"]
html_copy_source = True  # for the button that downloads a notebook
html_sourcelink_suffix = ""
html_context = {"default_mode": "auto"}
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_fullscreen_button": False,
    "use_issues_button": False,
    "navbar_persistent": [],
}

DOCUMENTS = sorted(
    (f"docs/{path.stem}" for path in DOCS.glob("*.md")),
    key=lambda name: ("bibliography" in name, name),
)
DOCUMENTS += ["CONTRIBUTING"] if (DOCS.parent / "CONTRIBUTING.md").is_file() else []
LINES = "\n".join(DOCUMENTS)
CONTENTS = f"""
```{{toctree}}
:caption: Notebooks
:hidden:
:glob:
notebooks/*
```

```{{toctree}}
:caption: More
:hidden:
{LINES}
```
"""
LIVE = '<div class="regimes"><p>The figure of the three regimes; it needs scripts.</p></div>'


def _addresses():
    """The addresses that a text may cite a work by → the work's key in the bibliography."""
    fields = {"url": "", "doi": "https://doi.org/", "eprint": "https://arxiv.org/abs/"}
    works = parse_file(DOCS / "references.bib").entries
    return {
        start + work.fields[field]: key
        for key, work in works.items()
        for field, start in fields.items()
        if field in work.fields
    }


ADDRESSES = _addresses()
EXPLORERS = {}  # name → packed; filled while the notebooks are read
LONG = 8  # lines from which on the code of a figure is folded: on a page it parts text and figure


def cite(text):
    """Add a citation to each link to a work of the bibliography; leave out the web's pictures."""

    def cited(link):
        key = ADDRESSES.get(link[1].split("/tree/")[0])
        return f"{link[0]} {{cite:p}}`{key}`" if key else link[0]

    # badges: the words without the picture from the web
    text = re.sub(r"!\[([^\]]*)\]\(https?://[^)]*\)", r"\1", text)
    return re.sub(r"\]\((https?://[^)\s]+)\)", cited, text)


def executed(path):
    """The notebook as it was executed, if it was since it was changed; else the committed one."""
    run = Path(os.environ.get("EXECUTED", path.parent), path.name)
    return run if run.exists() and run.stat().st_mtime >= path.stat().st_mtime else path


def prepare(app, docname, source):
    """A source as Sphinx is to see it."""
    if not docname.startswith("notebooks/"):
        source[0] = cite(source[0])
        if docname == root_doc:
            # the README's figure, alive
            source[0] = re.sub(r"!\[[^\]]*\]\(docs/regimes\.png\)", LIVE, source[0] + CONTENTS)
        if docname == "docs/teaching":
            source[0] += f"\n\n## The answers as the notebooks print them\n\n{answers(read())}\n"
        return
    path = executed(DOCS.parent / f"{docname}.ipynb")

    def keep(packed):
        name = f"{docname.removeprefix('notebooks/')}-{len(EXPLORERS)}"
        EXPLORERS[name] = packed
        return name

    notebook = still(nbformat.read(path, as_version=4), keep, living.shipped)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cite(cell.source)
        else:  # what is printed below a figure describes it
            said = " ".join(slides.printed(cell)[0])
            said = said or "A figure; the text around it says what it shows."
            cell.metadata["mystnb"] = {"image": {"alt": said}}
            figure = any("image/png" in output.get("data", {}) for output in cell.outputs)
            if figure and len(cell.source.splitlines()) >= LONG:
                cell.metadata.setdefault("tags", []).append("hide-input")
    source[0] = nbformat.writes(notebook)


def write_scripts(app, exception):
    """Write the scripts with what lives on the pages."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    (static / "explorers").mkdir(exist_ok=True)
    for name, packed in EXPLORERS.items():
        text = f'(window.explorers ??= {{}})["{name}"] = "{packed}";\n'
        (static / "explorers" / f"{name}.js").write_text(text, encoding="utf-8")
    paths = sorted((DOCS.parent / "notebooks").glob("[0-9]*.ipynb"))
    slides.write([executed(path) for path in paths], Path(app.outdir, "slides"))
    (static / "pocket-bert.js").write_text(living.pocket_bert(), encoding="utf-8")
    (static / "regimes.js").write_text(living.regimes(), encoding="utf-8")


def setup(app):
    app.connect("source-read", prepare)
    app.connect("build-finished", write_scripts)

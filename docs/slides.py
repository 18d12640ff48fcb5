"""Slides from the notebooks as they are committed (``make slides``).

From a shell: ``python docs/slides.py --out build/slides``. What comes onto a slide follows from a
rule, so that slides never differ from the notebooks: the title and its question; each section's
heading with its first paragraph, lists, tables and equations; each question to think about, on a
slide before the figure; each figure with the sentence printed below it; each exercise; what was
found. Code does not, and the rest of the text goes into the speaker's notes (key S). What the
teaching page says of a notebook stands in the notes of its first slide. Nothing is loaded from the
web.
"""

import argparse
import ast
import html
import re
import shutil
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from still import PREDICT, VIEW, widget_state

UNCOMMITTED = " (You have not committed to a prediction above.)"
LONGEST = 400  # characters of a paragraph, or of printed lines, that are still read from a slide
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<link rel="stylesheet" href="reveal/dist/reveal.css">
<link rel="stylesheet" href="reveal/dist/theme/white-contrast.css">
<link rel="stylesheet" href="slides.css"><script defer src="tex-svg.js"></script></head>
<body><div class="reveal"><div class="slides">
{slides}
</div></div>
<script src="reveal/dist/reveal.js"></script><script src="reveal/plugin/notes/notes.js"></script>
<script>Reveal.initialize({{width: 1280, height: 720, margin: 0.05, hash: true, slideNumber: "c/t",
transition: "none", backgroundTransition: "none", center: false, plugins: [RevealNotes]}});
</script></body></html>
"""
INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Slides</title><style>
body {{ font: 1.1rem/1.6 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }}
</style></head>
<body><h1>Slides</h1><ul>{items}</ul><p>Keys: arrows to move, S for the speaker's notes, F for the
full screen, O for all slides. To print, add <code>?print-pdf</code> to a page's
address.</p></body></html>
"""


def _math(text, options):
    return html.escape(rf"\[{text}\]" if options["display_mode"] else rf"\({text}\)")


MARKDOWN = MarkdownIt().enable("table").use(dollarmath_plugin, renderer=_math)


def render(text):
    """HTML of Markdown: links to notebooks lead to their slides, other local ones are only text."""
    rendered = re.sub(r'href="(\d\d_\w+)\.ipynb', r'href="\1.html', MARKDOWN.render(text))
    return re.sub(r'<a href="\.\./[^"]*">(.*?)</a>', r"\1", rendered, flags=re.DOTALL)


@dataclass
class Slide:
    """A slide: its heading as Markdown, the HTML below it, and what the speaker reads."""

    heading: str
    body: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    kind: str = "text"

    def html(self):
        text = re.sub(r"<[^>]*>", "", "".join(self.body))
        size = "tiny" if len(text) > 1300 else "small" if len(text) > 650 else "normal"
        notes = f'<aside class="notes">{"".join(self.notes)}</aside>' if any(self.notes) else ""
        colour = ' data-background-color="#fff4e5"' if self.kind == "think" else ""
        heading, body = MARKDOWN.renderInline(self.heading), "".join(self.body)
        return (
            f'<section class="{self.kind} {size}"{colour}><h2>{heading}</h2>\n'
            f"{body}{notes}</section>"
        )


def blocks(text):
    """The blocks of a Markdown text, folded ones left out: pairs of kind and source."""
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    lines = text.split("\n")
    return [
        (token.type.removesuffix("_open"), "\n".join(lines[slice(*token.map)]).strip())
        for token in MARKDOWN.parse(text)
        if token.level == 0 and token.map
    ]


def questions(cell, state):
    """What a cell asks the learner to predict, by `predictions.number` or `choice`.

    Parameters
    ----------
    cell : nbformat.NotebookNode
    state : dict
        The state of the notebook's widgets: it has the question as it was shown. Without it the
        source is read.

    Returns
    -------
    list of (str, list of str)
        Question and options of each.
    """
    asked = []
    for output in cell.get("outputs", []):
        box = state.get(output.get("data", {}).get(VIEW, {}).get("model_id"), {"state": {}})[
            "state"
        ]
        parts = [
            state[child.removeprefix("IPY_MODEL_")]["state"] for child in box.get("children", [])
        ]
        if parts and str(parts[0].get("value")).startswith(PREDICT):
            asked.append(
                (
                    parts[0]["value"].removeprefix(PREDICT).strip(),
                    parts[1].get("_options_labels", []),
                )
            )
    plain = (
        re.sub(r"^\s*[%!].*", "", cell.source, flags=re.MULTILINE)
        if "predictions." in cell.source and not asked
        else ""
    )
    for call in ast.walk(ast.parse(plain)):
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("predictions."):
            words = [
                getattr(part, "value", "")
                for part in getattr(call.args[0], "values", [call.args[0]])
            ]  # of a string or an f-string
            options = getattr(call.args[1], "elts", []) if len(call.args) > 1 else []
            asked.append(
                (
                    "".join(word if isinstance(word, str) else "…" for word in words),
                    [getattr(option, "value", "…") for option in options],
                )
            )
    return asked


def _said(output):
    """What was printed, or shown as sentences in Markdown."""
    if output.output_type == "stream":
        return "".join(output.text) if output.name == "stdout" else ""
    data = output.get("data", {})
    return "".join(data.get("text/plain", "")) if "text/markdown" in data else ""


def printed(cell):
    """What a cell said: the last lines, as many as are read from a slide, and all of them."""
    text = "\n".join(map(_said, cell.get("outputs", []))).replace("**", "")
    lines = [line for line in text.replace(UNCOMMITTED, "").splitlines() if line]
    read = [
        line for line in lines if not line.lstrip().startswith("python -m")
    ]  # nobody reads out a command
    return [
        line
        for number, line in enumerate(read, 1)
        if number == len(read) or sum(map(len, read[number - 1 :])) <= LONGEST
    ], lines


def slides(notebook):
    """The slides of a notebook, by the rule above.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With outputs, or there will be no figures.

    Returns
    -------
    list of Slide
    """
    made, section, lead, state = [], "", "", widget_state(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if made[-1].kind == "exercise":
                stub = cell.source.partition("exercises.check(")[0].rpartition("\n\n\n")[0]
                made[-1].body.append(f"<pre><code>{html.escape(stub)}</code></pre>" if stub else "")
                made[-1].kind = "exercise closed"  # what follows is not its text any more
            for question, options in questions(cell, state):
                choices = (
                    "<ul>" + "".join(f"<li>{option}</li>" for option in options) + "</ul>"
                    if options
                    else ""
                )
                made.append(Slide("Predict first", [f"<p>{question}</p>", choices], kind="think"))
            said, all_said = printed(cell)
            paragraphs = lambda lines: "".join(f"<p>{html.escape(line)}</p>" for line in lines)
            for output in cell.get("outputs", []):
                picture, table = (
                    output.get("data", {}).get(kind) for kind in ("image/png", "text/html")
                )
                if picture:
                    if not (
                        made[-1].kind == "text"
                        and made[-1].heading == section
                        and len(made[-1].body) < 2
                        and len("".join(made[-1].body)) < LONGEST / 2
                    ):
                        made.append(
                            Slide(section)
                        )  # else it goes below the one short paragraph of its section
                    made[-1].kind = "figure"
                    source = f"data:image/png;base64,{picture.strip()}"
                    alt = html.escape(" ".join(said))
                    made[-1].body += [
                        f'<img class="r-stretch" src="{source}" alt="{alt}">',
                        f'<div class="said">{paragraphs(said)}</div>',
                    ]
                    made[-1].notes.append(paragraphs(all_said) if all_said != said else "")
                elif table and re.search("scoreboard|What we found", section):
                    made.append(Slide(section, [f'<div class="table">{table}</div>'], kind="found"))
            continue
        for kind, source in blocks(cell.source):
            rendered = render(source)
            if kind == "heading":
                section, lead = source.lstrip("# "), ""
                made.append(Slide(section, kind="title" if source.startswith("# ") else "text"))
            elif source.startswith("**Think first.**"):
                made.append(
                    Slide(
                        "Think first",
                        [render(source.removeprefix("**Think first.**"))],
                        kind="think",
                    )
                )
            elif source.startswith(("**References.**", "**Next:**", "[![")):  # the last are badges
                continue
            elif source.startswith("*Difficulty"):
                if made[-1].kind != "text" or made[-1].body:
                    made.append(
                        Slide(re.sub(r"^(\d+ )?(Your turn: )?", "Your turn: ", section, count=1))
                    )
                made[-1].kind = "exercise"
                made[-1].body.append(rendered)
            elif (
                kind == "paragraph"
                and (made[-1].body or len(source) > LONGEST)
                and made[-1].kind != "exercise"
            ):
                made[-1].notes.append(rendered)
                lead = rendered if source.endswith(":") else ""
            elif kind == "paragraph" or kind == "fence" and made[-1].kind == "text":
                made[-1].body.append(rendered)
                lead = ""
            elif made[-1].kind in (
                "figure",
                "think",
                "found",
                "exercise closed",
            ):  # a list or a table that belongs to neither
                made.append(Slide(section, [lead, rendered]))
            elif kind != "table" or made[-1].kind != "title":
                made[-1].body += [lead if lead in made[-1].notes else "", rendered]
    return [slide for slide in made if any(slide.body)]


def teacher(number):
    """What the teaching page says of a notebook, by its number such as "03", as HTML."""
    text = (Path(__file__).parent / "teaching.md").read_text(encoding="utf-8")
    section = re.search(rf"^### {number} · .*?\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    return render(section[1]) if section else ""


def write(notebooks, out):
    """Write the slides of each notebook, an index, and all that they load, into a folder.

    Parameters
    ----------
    notebooks : list of Path
    out : Path
    """
    out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(
        Path(find_spec("sphinx_revealjs").origin).parent / "_static/revealjs",
        out / "reveal",
        dirs_exist_ok=True,
    )
    shutil.copy(
        Path(find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax/tex-svg.js", out
    )
    shutil.copy(Path(__file__).parent / "_static/slides.css", out)
    items = []
    for path in notebooks:
        made = slides(nbformat.read(path, as_version=4))
        made[0].notes.append(teacher(path.stem[:2]))
        title = html.escape(made[0].heading)
        page = PAGE.format(title=title, slides="\n".join(slide.html() for slide in made))
        (out / f"{path.stem}.html").write_text(page, encoding="utf-8")
        items.append(f'<li><a href="{path.stem}.html">{title}</a>, {len(made)} slides</li>')
    (out / "index.html").write_text(INDEX.format(items="".join(items)), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make slides from the notebooks.")
    parser.add_argument("--notebooks", default="notebooks", type=Path)
    parser.add_argument("--out", default="build/slides", type=Path)
    options = parser.parse_args()
    write(sorted(options.notebooks.glob("[0-9]*.ipynb")), options.out)
    print(f"slides are in {options.out / 'index.html'}")

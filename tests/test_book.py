"""The book, the slides and the bibliography.

All links lead somewhere, nothing comes from the web, and nothing of the notebooks is lost.
"""

import re
import shutil
import subprocess
import sys
import threading
import tomllib
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml

from helpers.lesson import predictions

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGES = (
    "myst_nb",
    "sphinx_book_theme",
    "sphinxcontrib.bibtex",
    "sphinx-mathjax-offline",
    "sphinx_revealjs",
)
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


def absent(package):
    try:
        return find_spec(package) is None
    except ModuleNotFoundError:
        return True


needs_extra = pytest.mark.skipif(
    any(map(absent, PACKAGES)), reason="the book's packages are not here; pip install -e .[book]"
)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or absent("playwright"),
    reason="no Chromium or no Playwright; see test_browser.py",
)


class Page(HTMLParser):
    """What a page links to, loads and defines."""

    def __init__(self, path):
        super().__init__()
        self.path, self.links, self.loads, self.ids, self.tags = path, [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.ids |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if (
            attributes.get("src")
            or tag == "link"
            and attributes.get("rel") in ("stylesheet", "preload", "icon")
        ):
            self.loads.append(attributes.get("src") or attributes["href"])


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def markdown(path):
    """The Markdown of a notebook or a document."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    return "\n\n".join(
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
    )


def executed():
    """A small notebook with one output of each kind that matters."""
    new = nbformat.v4
    state = {
        "box": {
            "model_name": "VBoxModel",
            "state": {
                "children": [
                    "IPY_MODEL_slider",
                    "IPY_MODEL_choice",
                    "IPY_MODEL_picture",
                    "IPY_MODEL_words",
                    "IPY_MODEL_bar",
                ]
            },
        },
        "slider": {
            "model_name": "SelectionSliderModel",
            "state": {"description": "sparsity", "index": 1, "_options_labels": ["0%", "50%"]},
        },
        "choice": {
            "model_name": "RadioButtonsModel",
            "state": {
                "description": "prediction",
                "index": None,
                "_options_labels": ["better & faster", "worse"],
            },
        },
        "picture": {
            "model_name": "ImageModel",
            "state": {"format": "png"},
            "buffers": [{"path": ["value"], "data": "cGljdHVyZQ==", "encoding": "base64"}],
        },
        "words": {"model_name": "HTMLModel", "state": {"value": "<b>half</b> is kept"}},
        "bar": {"model_name": "HBoxModel", "state": {"children": ["IPY_MODEL_progress"]}},
        "progress": {"model_name": "FloatProgressModel", "state": {"description": "running"}},
    }
    view = lambda model, **more: new.new_output(
        "display_data",
        {
            "application/vnd.jupyter.widget-view+json": {"model_id": model},
            "text/plain": "VBox()",
            **more,
        },
    )
    figure = new.new_output("display_data", {"image/png": "ZmlndXJl", "text/plain": "<Figure>"})
    guess = predictions.number("?")
    lines = [
        "python -m helpers.lab --all",
        "a" * 390,
        "b" * 20,
        f"the sentence below the figure. {guess.against(3)}",
    ]
    cells = [
        new.new_markdown_cell(
            "# 10 · A title\n\n**Question.** Why?\n\n| | |\n|---|---|\n| **You will** | see |\n\n"
            "## 1 A section\n\nOne short paragraph.\n\nAnother, for the speaker."
        ),
        new.new_code_cell(
            'guess = predictions.choice("Which one is best?", ["gradual", "one shot"])\nguess',
            outputs=[view("box")],
        ),
        new.new_code_cell(
            "plt.show()",
            outputs=[figure, new.new_output("stream", name="stdout", text="\n".join(lines))],
        ),
        new.new_markdown_cell(
            "**Think first.** How many of $s^2$?\n\n### Your turn\n\n"
            "*Difficulty ●○○ · importance ●●● · 5 minutes*\n\n"
            "First paragraph.\n\nSecond paragraph:\n\n$$a_b$$"
        ),
        new.new_code_cell(
            "def half(x):\n    ...  # your code here\n\n\nhalf = exercises.check(half)",
            outputs=[view("bar"), view("box", **{"text/html": "<i>richer</i>"})],
        ),
        new.new_markdown_cell(
            "<details><summary>Solution</summary>\n\nsecret\n\n</details>\n\n"
            "**References.** None.\n\n## What we found, beside what the paper says"
        ),
        new.new_code_cell(
            "table",
            outputs=[
                new.new_output(
                    "execute_result", {"text/html": "<table><tr><td>verdict</td></tr></table>"}
                )
            ],
        ),
    ]
    return new.new_notebook(
        cells=cells,
        metadata={"widgets": {"application/vnd.jupyter.widget-state+json": {"state": state}}},
    )


@pytest.fixture(scope="module")
def docs(request):
    """The modules beside the documents."""
    sys.path.insert(0, str(ROOT / "docs"))
    request.addfinalizer(lambda: sys.path.remove(str(ROOT / "docs")))
    return ROOT / "docs"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The pages of the book, built as `make book` does.

    Any warning is an error, and each reference must be known.
    """
    folder = tmp_path_factory.mktemp("book") / "html"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-E",
            "-q",
            "-n",
            "-W",
            "--keep-going",
            "-c",
            "docs",
            ".",
            folder,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        path.relative_to(folder).as_posix(): Page(path)
        for path in folder.rglob("*.html")
        if "_static" not in path.parts
    }


@pytest.fixture(scope="module")
def decks(docs, tmp_path_factory):
    """The pages of the slides, with those of the small notebook."""
    import slides

    folder = tmp_path_factory.mktemp("slides")
    nbformat.write(executed(), folder / "10_small.ipynb")
    slides.write([*NOTEBOOKS, folder / "10_small.ipynb"], folder / "out")
    return {path.name: Page(path) for path in (folder / "out").glob("*.html")}


def dead(pages):
    """The local links of pages that lead nowhere."""
    ids = {page.path.resolve(): page.ids for page in pages.values()}
    for page in pages.values():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (
                (page.path.parent / unquote(parts.path)).resolve()
                if parts.path
                else page.path.resolve()
            )
            if (
                not target.exists()
                or parts.fragment
                and unquote(parts.fragment) not in ids.get(target, {unquote(parts.fragment)})
            ):
                yield f"{page.path.name}: {link}"


@needs_extra
def test_each_notebook_and_document_is_a_page(book):
    wanted = {
        f"{path.relative_to(ROOT).with_suffix('').as_posix()}.html" for path in [*NOTEBOOKS, *TEXTS]
    }
    assert wanted | {"index.html", "search.html"} <= set(book)
    assert set(book["notebooks/01_magnitude_pruning.html"].links) >= {
        "00_start_here.html",
        "02_pruning_while_training.html",
    }
    assert "../docs/scaling.html" in book["notebooks/09_your_own_experiment.html"].links


@needs_extra
def test_no_link_is_broken(book, decks):
    assert sum(len(page.links) for page in book.values()) > 300
    assert not list(dead(book))
    assert not list(dead(decks))


@needs_extra
def test_nothing_is_loaded_from_the_web(book, decks):
    for page in [*book.values(), *decks.values()]:
        assert page.loads or page.path.name in ("index.html", "speaker-view.html")
        assert not [load for load in page.loads if urlsplit(load).scheme not in ("", "data")], (
            page.path
        )
    every = book["README.html"].path.parent.rglob("*.css")
    styles = [
        *next(iter(decks.values())).path.parent.rglob("white-contrast.css"),
        *(path for path in every if "reveal" not in path.parts),  # it has themes that nobody loads
    ]
    assert len(styles) > 3
    for style in styles:
        assert not re.findall(
            r"(?:@import|url\()\s*[\"'(]*(?:https?:)?//[^)\s]+", style.read_text(encoding="utf-8")
        ), style


@needs_extra
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_book_holds_all_of_a_notebook(book, path):
    page, text = book[f"notebooks/{path.stem}.html"], markdown(path)
    cells = [
        (cell.source, [output.get("data", {}) for output in cell.get("outputs", [])])
        for cell in nbformat.read(path, as_version=4).cells
    ]
    outputs = [data for _, of_cell in cells for data in of_cell]
    folded = sum(data.get("text/html", "").count("<details>") for data in outputs)
    # long code would part a figure from its text
    long_code = sum(
        len(source.splitlines()) >= 8 and any("image/png" in data for data in of_cell)
        for source, of_cell in cells
    )
    assert long_code
    assert page.tags.count("details") == text.count("<details>") + folded + long_code
    html = page.path.read_text(encoding="utf-8")
    assert html.count("Show the code") == long_code
    assert html.count('class="math notranslate nohighlight"') == len(
        re.findall(r"\$\$.+?\$\$|(?<!\$)\$[^$\n]+\$", text, re.DOTALL)
    )
    pictures = {data["image/png"] for data in outputs if "image/png" in data}
    shown = [load for load in page.loads if "_images/" in load]
    assert len(shown) >= len(pictures)
    assert "widget-view" not in html and 'alt="../_images' not in html
    for identifier in set(re.findall(r"\]\(https://arxiv\.org/abs/([\d.]+)\)", text)):
        assert re.search(
            rf'abs/{re.escape(identifier)}"[^\[]*'
            r'\[<a class="reference internal" href="\.\./docs/bibliography\.html#',
            html,
        ), identifier


@needs_extra
def test_widgets_become_what_they_showed(docs):
    from still import still

    notebook = still(executed())
    assert "widgets" not in notebook.metadata
    first, second = notebook.cells[1].outputs, notebook.cells[4].outputs
    shown = first[0].data["text/html"]
    for part in (
        "sparsity: <b>50%</b>",
        "<li>better &amp; faster</li>",
        "data:image/png;base64,cGljdHVyZQ==",
        "<b>half</b> is kept",
    ):
        assert part in shown
    assert "running" not in shown and "text/plain" not in first[0].data
    assert [dict(output.data) for output in second] == [
        {"text/plain": "VBox()", "text/html": "<i>richer</i>"}
    ]  # the bar is gone
    nbformat.validate(notebook)


@needs_extra
def test_slides_follow_from_the_notebook_by_the_rule(docs):
    from slides import slides

    made = slides(executed())
    assert [(slide.kind, slide.heading) for slide in made] == [
        ("title", "10 · A title"),
        ("text", "1 A section"),
        ("think", "Predict first"),
        ("figure", "1 A section"),
        ("think", "Think first"),
        ("exercise closed", "Your turn"),
        ("found", "What we found, beside what the paper says"),
    ]
    title, section, predict, figure, think, exercise, found = (
        "".join(slide.body) for slide in made
    )
    assert "Why?" in title and "You will" not in title
    assert (
        "short paragraph" in section
        and "speaker" not in section
        and "speaker" in "".join(made[1].notes)
    )
    assert "Which one is best?" in predict and "<li>one shot</li>" in predict
    assert (
        "base64,ZmlndXJl" in figure
        and "the sentence below" in figure
        and "aaa" not in figure
        and "helpers.lab" not in figure
        and "committed" not in figure
    )
    assert "aaa" in "".join(made[3].notes) and "helpers.lab" in "".join(made[3].notes)
    assert r"\(s^2\)" in think
    assert all(
        part in exercise for part in ("Difficulty", "First", "Second", r"\[a_b\]", "def half")
    )
    assert "verdict" in found
    assert "secret" not in "".join(slide.html() for slide in made)


@needs_extra
def test_questions_are_taken_as_they_were_shown(docs):
    from slides import PREDICT, questions

    assert predictions.choice("which?", ["this"]).children[0].value == f"{PREDICT} which?"
    cell = nbformat.v4.new_code_cell(
        'guess = predictions.choice(f"At {s}%: which?", OPTIONS)',
        outputs=[
            nbformat.v4.new_output(
                "execute_result", {"application/vnd.jupyter.widget-view+json": {"model_id": "box"}}
            )
        ],
    )
    state = {
        "box": {"state": {"children": ["IPY_MODEL_text", "IPY_MODEL_choice"]}},
        "text": {"state": {"value": "<b>Predict first.</b> At 60%: which?"}},
        "choice": {"state": {"_options_labels": ["this", "that"]}},
    }
    assert questions(cell, state) == [("At 60%: which?", ["this", "that"])]
    assert questions(cell, {}) == [("At …%: which?", [])]  # not run, or saved without its widgets


@needs_extra
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_figure_of_a_notebook_is_on_a_slide(decks, path):
    pictures = [
        output.data["image/png"].strip()
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    page = decks[f"{path.stem}.html"]
    assert [
        load.removeprefix("data:image/png;base64,")
        for load in page.loads
        if load.startswith("data:")
    ] == pictures
    assert page.tags.count("section") > 4


@needs_extra
@needs_browser
def test_in_a_browser_without_the_web(book, decks):
    from playwright.sync_api import sync_playwright

    asked, errors = [], []
    handler = partial(Quiet, directory=book["README.html"].path.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as play:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 400, "height": 900})
        page.on(
            "request",
            lambda request: (
                asked.append(request.url)
                if not request.url.startswith((root, "file:", "data:", "blob:"))
                else None
            ),
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        for name in ("README.html", *(f"notebooks/{path.stem}.html" for path in NOTEBOOKS)):
            page.goto(f"{root}/{name}")
            assert page.evaluate(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            ), f"{name} is wider than a phone"
        page.goto(f"{root}/notebooks/02_pruning_while_training.html")
        page.wait_for_selector("mjx-container svg")
        hint = page.locator("details:not(.hide)").first
        assert not hint.locator("p").first.is_visible()
        hint.locator("summary").click()
        assert hint.locator("p").first.is_visible()
        page.goto(f"{root}/search.html?q=threshold")
        page.wait_for_selector("ul.search li a")
        assert "01_magnitude_pruning" in " ".join(
            link.get_attribute("href") for link in page.locator("ul.search li a").all()
        )
        page.goto(f"file://{decks['10_small.html'].path}")
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        assert page.evaluate("Reveal.getTotalSlides()") == 7
        page.keyboard.press("ArrowRight")
        assert page.locator("section.present h2").inner_text() == "1 A section"
        browser.close()
        server.shutdown()
    assert not asked and not errors


# Moves all that lives on a page, as events do; says what stays as it was or is empty
MOVE = """async () => {
    const failed = [], where = (box) => box.dataset.explorer ?? box.className;
    const until = async (test) => {
        for (let i = 0; i < 300 && !test(); i++) await new Promise((go) => setTimeout(go, 100));
        return test();
    };
    for (const box of document.querySelectorAll(".explorer, .forgets, .regimes")) {
        box.scrollIntoView();
        if (!(await until(() => box.classList.contains("ready")))) {
            failed.push(`${where(box)} does not start`);
            continue;
        }
        const state = () => [...box.querySelectorAll(".picture img, .said, .words, .chart, .value")]
            .map((part) => part.src ?? part.innerHTML).join();
        const move = (input) => {
            if (input.type === "range") {
                const [low, high] = [Number(input.min), Number(input.max)];
                const aim = Math.round(low + 0.7 * (high - low));
                input.value = aim === Number(input.value) ? low : aim;
            } else if (input.tagName === "SELECT")
                input.selectedIndex = (input.selectedIndex + 1) % input.options.length;
            else if (input.type === "checkbox") input.checked = !input.checked;
            else input.value = "one lion [MASK] the hat .";
            for (const kind of ["input", "change"])
                input.dispatchEvent(new Event(kind, {bubbles: true}));
        };
        for (const input of box.querySelectorAll("input, select")) {
            const before = state(), index = input.selectedIndex;
            move(input);
            if (state() === before && input.options?.length !== 1)
                failed.push(`${where(box)}: ${input.closest("label").innerText} changes nothing`);
            if (input.type === "checkbox") move(input);
            if (input.tagName === "SELECT") {  // the MLM loss is the same for all tasks
                input.selectedIndex = index;
                input.dispatchEvent(new Event("change", {bubbles: true}));
            }
            for (const said of box.querySelectorAll(".said"))
                if (!said.innerText.trim()) failed.push(`${where(box)} says nothing`);
        }
        for (const chart of box.querySelectorAll(".chart svg")) {
            const before = state();
            chart.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
            if (state() === before) failed.push(`${where(box)}: no value under the keyboard`);
        }
        for (const image of box.querySelectorAll("img"))
            if (!(await until(() => image.complete)) || !image.naturalWidth)
                failed.push(`${where(box)} shows no picture`);
    }
    const asked = [...document.querySelectorAll(".prediction")].map((f) => f.dataset.question);
    for (const outcome of document.querySelectorAll(".outcome"))
        if (asked.includes(JSON.parse(outcome.dataset.outcome).question)
            && outcome.closest(".cell_output").querySelector("img")?.checkVisibility())
            failed.push("an answer stands open");
    for (const form of document.querySelectorAll(".prediction")) {
        form.requestSubmit();
        const radio = form.querySelector("input[type=radio]"), said = form.querySelector(".said");
        if (radio) {
            if (said.innerText !== "Choose an answer first.") failed.push("a choice of nothing");
            radio.click();
            form.requestSubmit();
        }
        if (!said.innerText.startsWith("You say")) failed.push(form.dataset.question);
    }
    if (document.querySelector(".covered")) failed.push("an answer stays covered");
    return failed;
}"""
# What a reader would stumble over, whatever the width
LOOK = """() => {
    const wrong = [], root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) wrong.push("the page scrolls sideways");
    if (document.querySelector("details[open]")) wrong.push("something stands unfolded");
    for (const output of document.querySelectorAll(".cell_output"))
        if (!output.innerText.trim() && !output.querySelector("img, svg, input, .outcome"))
            wrong.push("an output is blank");
    for (const image of document.querySelectorAll(".cell_output img"))
        if (!image.alt && !image.closest(".picture")) wrong.push("a figure says nothing");
    return wrong;
}"""


# Grounds of questions that are not the page's own when it is dark
DARK = """() => {
    document.documentElement.dataset.theme = "dark";
    return [...document.querySelectorAll(".cell_output .text_html:has(.prediction)")]
        .map((output) => getComputedStyle(output).backgroundColor)
        .filter((ground) => ground !== "rgba(0, 0, 0, 0)");
}"""


def listen(page, name, wrong):
    """Note what a page asks the web for and what goes wrong in it."""

    def asked(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            wrong.append((name, request.url))

    page.on("request", asked)
    page.on("pageerror", lambda error: wrong.append((name, str(error))))
    page.on("console", lambda m: wrong.append((name, m.text)) if m.type == "error" else None)


@needs_extra
@needs_browser
def test_every_page_lives_without_a_kernel_and_without_the_web(book):
    """Opened from a disk: all controls move, nothing is blank, unfolded or too wide."""
    from playwright.sync_api import sync_playwright

    wrong, alive = [], set()
    pages = [n for n in sorted(book) if not n.startswith(("slides/", "search", "genindex"))]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name in pages:
            page = browser.new_page(viewport={"width": 400, "height": 850})
            page.set_default_timeout(300_000)
            listen(page, name, wrong)
            page.goto(book[name].path.as_uri())
            wrong += [(name, what) for what in page.evaluate(MOVE)]
            for width in (400, 1280):
                page.set_viewport_size({"width": width, "height": 850})
                page.wait_for_timeout(300)
                wrong += [(name, width, what) for what in page.evaluate(LOOK)]
            wrong += [(name, "in the dark", ground) for ground in page.evaluate(DARK)]
            alive |= set(
                page.evaluate("[...document.querySelectorAll('.ready')].map(b => b.className)")
            )
            page.close()
        browser.close()
    assert not wrong
    assert {"explorer ready", "forgets ready", "regimes ready"} <= alive


@needs_extra
def test_the_book_is_small_and_its_pages_load_little(book):
    root = book["index.html"].path.parent
    sizes = {path: path.stat().st_size for path in root.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 40e6
    alive = [*root.glob("_static/explorers/*.js"), root / "_static/pocket-bert.js"]
    assert len(alive) > 4 and max(sizes[path] for path in alive) < 2e6


@needs_extra
def test_the_first_slide_of_a_notebook_has_the_teachers_text(book):
    teaching = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^### 03 · .*?\n(.*?)^##", teaching, re.DOTALL | re.MULTILINE)
    words = re.search(r"[A-Za-z ]{20,}", section)[0].strip()
    first = (
        book["slides/03_inside_bert.html"].path.read_text(encoding="utf-8").split("</section>")[0]
    )
    assert words in first.split('class="notes"')[1]


BIBLIOGRAPHY = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")


def field(name, text=BIBLIOGRAPHY):
    return re.findall(rf"^ *{name} *= *{{(.+)}},?$", text, re.MULTILINE)


def test_each_arxiv_id_is_in_the_bibliography_and_each_work_is_cited():
    texts = "\n".join(map(markdown, [*NOTEBOOKS, *TEXTS]))
    cited = set(re.findall(r"arxiv\.org/\w+/(\d{4}\.\d{4,5})", texts)) | set(
        re.findall(r"arXiv[ :](\d{4}\.\d{4,5})", texts)
    )
    assert not cited - set(field("eprint"))
    articles = set(re.findall(r"\]\(https://doi\.org/([^)]+)\)", texts))
    assert not articles - set(field("doi"))
    cited |= articles
    works = re.split(r"^@", BIBLIOGRAPHY, flags=re.MULTILINE)[1:]
    assert len(works) > 20
    assert not [
        work.split(",")[0]
        for work in works
        if not cited & {*field("eprint", work), *field("doi", work)}
        and not any(url in texts for url in field("url", work))
    ]


def test_no_work_is_in_the_bibliography_twice():
    for values in (
        re.findall(r"^@\w+{(.+),$", BIBLIOGRAPHY, re.MULTILINE),
        field("eprint"),
        field("url"),
        [title.lower() for title in field("title")],
    ):
        assert len(values) > 3 and len(values) == len(set(values))


def test_citation_file_agrees_with_the_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    (paper,) = citation["references"]
    assert paper["doi"] in field("doi") and paper["identifiers"][0]["value"].removeprefix(
        "arXiv:"
    ) in field("eprint")

"""Badges lead to their own notebooks; the first cell fetches the course, on Colab only."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib

import nbformat
import pytest
from course import NAMES, ROOT, code_cells, each_notebook, read
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from packaging.requirements import Requirement

from tools import links

ADDRESS = links.repository(ROOT / "pyproject.toml")
COLAB = {
    line.split("==")[0]: line.split("==")[1]
    for line in (ROOT / "tests/colab.txt").read_text().splitlines()
    if "==" in line
}
DEPENDENCIES = [
    Requirement(line)
    for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
]
# Runs a cell in IPython, with what %pip is given printed in place of done
SIMULATION = """
import json, sys, types
from IPython.core.interactiveshell import InteractiveShell
if sys.argv[2] == "colab":
    sys.modules["google.colab"] = types.ModuleType("google.colab")
shell, commands = InteractiveShell.instance(), []
shell.register_magic_function(commands.append, magic_name="pip")
shell.run_cell(sys.argv[1]).raise_error()
print(json.dumps(commands))
"""


def pip_commands(place, folder):
    done = subprocess.run(
        [sys.executable, "-c", SIMULATION, links.colab_cell(ADDRESS), place],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@each_notebook
def test_badges_open_this_notebook(name):
    first = read(name).cells[0].source
    title, line = first.splitlines()[0], first.splitlines()[2]
    assert title.startswith("# ") and first == links.with_badges(first, links.badges(ADDRESS, name))
    if links.is_placeholder(ADDRESS):
        assert "Open in" not in first
    else:
        assert f"notebooks%2F{name}.ipynb" in line and f"/notebooks/{name}.ipynb" in line
        assert first.count("Open in Colab") == 1


def test_the_readme_opens_the_first_notebook_or_says_how_to_get_badges():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    line = links.badges(ADDRESS, NAMES[0]) or links.NOTICE
    assert line in text.splitlines() and ("Open in" in text) != links.is_placeholder(ADDRESS)


@each_notebook
def test_nothing_a_reader_may_click_leads_to_nobody(name):
    texts = [(ROOT / "README.md").read_text(encoding="utf-8")]
    texts += [cell.source for cell in read(name).cells if cell.cell_type == "markdown"]
    assert not [text for text in texts if "/OWNER/" in text]


@each_notebook
def test_first_cell_is_colabs(name):
    cell = code_cells(name)[0]
    assert cell.source == links.colab_cell(ADDRESS) and "remove-cell" in cell.metadata.tags, (
        "python -m tools.links writes it"
    )


def test_first_cell_does_nothing_elsewhere(tmp_path):
    assert pip_commands("elsewhere", tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_first_cell_adds_to_colab_what_it_lacks_and_changes_nothing_else(tmp_path):
    (command,) = pip_commands("colab", tmp_path)
    words = shlex.split(command)
    assert words[:1] == ["install"] and "--no-deps" in words and f"git+{ADDRESS}" in words
    added = {word for word in words[1:] if not word.startswith(("-", "git+"))}
    assert added == {r.name for r in DEPENDENCIES} - set(COLAB) - {
        "jupyterlab"
    }  # Colab is its own front end


@pytest.mark.parametrize(
    "requirement", [r for r in DEPENDENCIES if r.name in COLAB], ids=lambda r: r.name
)
def test_what_colab_has_is_supported(requirement):
    assert requirement.specifier.contains(COLAB[requirement.name])


@pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="no git repository to fetch the course from"
)
def test_course_can_be_fetched(tmp_path):
    """The cell's own pip command, as a dry run, with the repository's address leading here."""
    pytest.importorskip("setuptools", "77", reason="pip builds the course with setuptools")
    (command,) = pip_commands("colab", tmp_path)
    environment = os.environ | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            *shlex.split(command),
            "--dry-run",
            "--no-index",
            "--no-build-isolation",
            "--report",
            "report.json",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert {
        entry["metadata"]["name"]
        for entry in json.loads((tmp_path / "report.json").read_text())["install"]
    } <= {"compressing-bert-course"}


@pytest.fixture
def fork(tmp_path, monkeypatch):
    """A course with two notebooks, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[project.urls]\nRepository = "https://github.com/OWNER/course"\n'
    )
    (tmp_path / "README.md").write_text("# Course\n\nText.\n")
    (tmp_path / "notebooks").mkdir()
    head = "# 00 · Title\n\n**Question.** What?\n\n| | |\n|---|---|\n| **Paper** | all |"
    for name, first in (("00_start", f"{head}\n\n## 1 Section\n\nText."), ("01_next", head)):
        nbformat.write(
            new_notebook(
                cells=[new_markdown_cell(first, id="head"), new_code_cell("1 + 1", id="sum")]
            ),
            tmp_path / f"notebooks/{name}.ipynb",
        )
    return tmp_path


def test_without_an_address_there_are_no_badges_and_one_line_says_how_to_get_them(fork, capsys):
    assert links.main([]) == 0
    assert "make links REPO=you/repo" in capsys.readouterr().out
    assert (fork / "README.md").read_text() == f"# Course\n\n{links.NOTICE}\n\nText.\n"
    first = nbformat.read(fork / "notebooks/00_start.ipynb", as_version=4).cells[0].source
    assert first.startswith("# 00 · Title\n\n**Question.**")


def test_badges_go_where_the_address_goes(fork):
    assert links.main(["jane/bert-course"]) == 0
    assert links.main(["OWNER/course"]) == 0
    assert (fork / "README.md").read_text().count(links.NOTICE) == 1
    assert "Open in" not in "".join(path.read_text() for path in fork.glob("*/*.ipynb"))


def test_a_fork_is_written_by_one_command(fork, capsys):
    links.main([])
    capsys.readouterr()
    assert links.main(["jane/bert-course"]) == 0
    assert "2 notebooks lead to https://github.com/jane/bert-course" in capsys.readouterr().out
    assert links.NOTICE not in (fork / "README.md").read_text()
    start, following = (
        nbformat.read(path, as_version=4) for path in sorted(fork.glob("notebooks/*.ipynb"))
    )
    assert [cell.id for cell in start.cells] == [
        "head",
        "colab",
        "head-rest",
        "sum",
    ] and start.cells[2].source == "## 1 Section\n\nText."
    assert [cell.id for cell in following.cells] == ["head", "colab", "sum"]
    assert "gh/jane/bert-course/HEAD?labpath=notebooks%2F01_next.ipynb" in following.cells[0].source
    assert "git+https://github.com/jane/bert-course " in following.cells[1].source
    assert (fork / "README.md").read_text().startswith(
        "# Course\n\n[![Open in Binder]"
    ) and "\n\nText.\n" in (fork / "README.md").read_text()

    written = {path: path.read_bytes() for path in fork.rglob("*.*") if path.is_file()}
    assert links.main([]) == 0
    assert {path: path.read_bytes() for path in written} == written

    assert links.main(["joe/other"]) == 0
    assert "jane" not in "".join(path.read_text() for path in written)


@pytest.mark.parametrize(
    "arguments", [["https://github.com/jane/course"], ["jane"], ["jane/course", "joe/course"]]
)
def test_what_is_no_repository_changes_nothing(fork, capsys, arguments):
    before = (fork / "pyproject.toml").read_text()
    assert links.main(arguments) == 2
    assert (
        arguments[0] in capsys.readouterr().err and (fork / "pyproject.toml").read_text() == before
    )


def test_outside_of_the_course_it_says_where_to_go(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert links.main([]) == 1
    assert "go to the top of the course" in capsys.readouterr().err


@pytest.mark.parametrize(
    "path",
    sorted([*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "src/helpers").rglob("*.py")]),
    ids=lambda path: path.name,
)
def test_no_widget_is_newer_than_colabs(path):
    """Colab has ipywidgets 7.7.1; these came with 8."""
    classes = (
        "Stack|TagsInput|ColorsInput|FloatsInput|IntsInput|(?:NaiveD|D)atetimePicker|TimePicker"
    )
    newer = rf"\b(?:{classes})\(|\.titles\b|\btitles="
    assert COLAB["ipywidgets"].startswith("7.")
    assert not re.findall(newer, path.read_text(encoding="utf-8"))


def test_badges_need_nothing_but_nbformat():
    """The workflow that writes them installs no more."""
    script = "import sys; sys.modules['helpers'] = sys.modules['torch'] = None; import tools.links"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


@pytest.mark.skipif(os.name == "nt", reason="no make")
def test_make_clean_leaves_names_with_blanks_alone(tmp_path):
    for folder in ("src", "tests", "notebooks/reviews", "notebooks/reviews 2/.ipynb_checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "notebooks" / "it's").mkdir()
    subprocess.run(["make", "-f", str(ROOT / "Makefile"), "clean"], check=True, cwd=tmp_path)
    left = {path.name for path in (tmp_path / "notebooks").glob("*")}
    assert left == {"reviews", "reviews 2", "it's"}
    assert not list((tmp_path / "notebooks" / "reviews 2").iterdir())

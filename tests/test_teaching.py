"""The teacher's page agrees with the notebooks, and its plans with themselves."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip(
    "mdit_py_plugins", reason="the book's packages are not here; pip install -e .[book]"
)
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))
import minutes  # noqa: E402
import teaching  # noqa: E402

sys.path.remove(str(ROOT / "docs"))
PAGE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
NOTEBOOKS = teaching.read()


def small():
    """A notebook with a question, a prediction and an exercise, executed."""
    new = nbformat.v4
    said = lambda text: new.new_output("stream", name="stdout", text=text)
    figure = new.new_output("display_data", {"image/png": "ZmlndXJl"})
    return new.new_notebook(
        cells=[
            new.new_markdown_cell(
                "# 10 · A title\n\n| | |\n|---|---|\n| **Time and memory** | **20 minutes** on the "
                "core path (sections 1), 75 with the other sections; the cells take 0.3 minutes "
                "and 0.6 GB on two CPU cores |\n\n"
                "## 2 Your turn: halve\n\n*Difficulty ●○○ · importance ●●● · 5 minutes*\n\n"
                "Write it.\n\n**Think first.** How\nmany?"
            ),
            new.new_code_cell(
                "def half(x):\n    ...  # your code here\n\n\nhalf = exercises.check(half)",
                outputs=[said("○ Nothing there yet: write.")],
            ),
            new.new_code_cell(
                'guess = predictions.number(f"At {s}%: how much is left?", 0, 100)\nguess'
            ),
            new.new_markdown_cell(
                "## 3 Judge\n\n*Difficulty ●●○ · importance ●●○ · 10 to 15 minutes*\n\nDo.\n\n"
                "<details><summary>One answer</summary>\n\nyes\n\n</details>"
            ),
            new.new_code_cell(
                "plt.show()\nprint(few)",
                outputs=[figure, said("Reference results 'tiny': …\nOnly *few*.\n")],
            ),
            new.new_code_cell(
                "print(guess.against(half(90)))",
                outputs=[
                    said(
                        "It is 45%. (You have not committed to a prediction above.)\nThat is all.\n"
                    )
                ],
            ),
            new.new_markdown_cell("**Think first.** And after that?"),
        ]
    )


def test_tables_are_up_to_date():
    assert teaching.with_tables(PAGE, NOTEBOOKS) == PAGE, "run python docs/teaching.py"
    assert PAGE.count("<!-- begin") == 2 and all(
        f"({path.name})" in PAGE.replace("../notebooks/", "") for path in NOTEBOOKS
    )


def test_every_exercise_is_in_the_table_with_a_place_for_its_solution():
    checked = {
        name
        for notebook in NOTEBOOKS.values()
        for cell in notebook.cells
        if cell.cell_type == "code"
        for name in re.findall(r"^\w+ = exercises\.check\((\w+)\)", cell.source, re.MULTILINE)
    }
    listed = dict(re.findall(r"\[`(\w+)`\]\(\.\./src/helpers/lesson/exercises/(\w+)\.py\)", PAGE))
    assert len(listed) >= 5 and set(listed) == checked
    for name, module in listed.items():
        path = ROOT / "src" / "helpers" / "lesson" / "exercises" / f"{module}.py"
        assert f"def {name}(" in path.read_text(encoding="utf-8")


def test_every_notebook_has_a_section_with_its_purpose():
    headings = re.findall(r"^### (\d\d · .+)\n\n- \*\*Purpose\.\*\*", PAGE, re.MULTILINE)
    assert headings == [teaching.title(notebook) for notebook in NOTEBOOKS.values()]


@pytest.mark.parametrize(
    "heading, length", [("Two hours", 120), ("Three hours", 205), ("Half a day", 240)]
)
def test_plans_have_no_gap_and_take_the_stated_time(heading, length):
    plan = PAGE[PAGE.index(f"### {heading}") + 4 :].split("\n### ")[0]
    times = [
        tuple(map(int, pair)) for pair in re.findall(r"^\| (\d+)–(\d+) \|", plan, re.MULTILINE)
    ]
    assert times[0][0] == 0 and times[-1][1] == length
    assert all(before[1] == after[0] for before, after in zip(times, times[1:]))


def minutes_of(notebook):
    """What a notebook takes to read and think, without its deep dives."""
    return minutes.minutes(notebook)[1]


def test_sessions_of_three_weeks_take_the_stated_time():
    plan = PAGE[PAGE.index("### Three weeks") :].split("\n## ")[0]
    length = int(re.search(r"two sessions of (\d+) minutes", plan)[1])
    weeks = re.findall(r"^\| \d \| (.+?) \| (.+?) \|", plan, re.MULTILINE)
    assert len(weeks) == 3
    for session in [session for week in weeks for session in week]:
        assert sum(map(int, re.findall(r"\((\d+)\)", session))) == length, session
    planned = dict(re.findall(r"(\d\d) \((\d+)\)", plan))
    stated = {path.stem[:2]: minutes_of(notebook) for path, notebook in NOTEBOOKS.items()}
    assert len(planned) == 9 and all(int(planned[n]) >= stated[n] for n in planned)


def test_plans_name_sections_and_exercises_that_there_are():
    plans = PAGE[PAGE.index("## Four plans") :].split("\n## ")[0]
    names = re.findall(r"`([a-z]\w+)`", plans)
    exercises = [one["name"] for n in NOTEBOOKS.values() for one in teaching.exercises(n)]
    assert len(names) > 8 and set(names) <= set(exercises)
    named = re.findall(r"\| (\d\d)[:,][^|]*?sections? ([\d, to and]+)", plans)
    assert len(named) >= 9
    for number, sections in named:
        (notebook,) = (n for path, n in NOTEBOOKS.items() if path.stem.startswith(number))
        headings = re.findall(
            r"^## (\d+) (?!Deep dive)", "\n".join(c.source for c in notebook.cells), re.MULTILINE
        )
        assert set(re.findall(r"\d+", sections)) <= set(headings), (number, sections)


def test_the_exam_adds_up():
    exam = (ROOT / "docs" / "exam.md").read_text(encoding="utf-8")
    points = re.findall(r"^\*\*\d+\. .+?\*\* \((\d) points?\)", exam, re.MULTILINE)
    assert len(points) == exam.count("<details>") == 10
    assert sum(map(int, points)) == 20 and "Twenty points in all" in exam


def test_the_rubric_adds_up():
    rubric = PAGE[PAGE.index("## A rubric") :].split("\n## ")[0]
    assert sum(map(int, re.findall(r"^\| \*\*.+\*\* \((\d+)\)", rubric, re.MULTILINE))) == int(
        re.search(r"(\d+) points", rubric)[1]
    )


def test_exercises_of_a_notebook():
    first, second = teaching.exercises(small())
    assert first == {
        "title": "Halve",
        "difficulty": "●○○",
        "importance": "●●●",
        "minutes": "5 minutes",
        "name": "half",
        "folded": False,
    }
    assert second == {
        "title": "Judge",
        "difficulty": "●●○",
        "importance": "●●○",
        "minutes": "10 to 15 minutes",
        "name": "",
        "folded": True,
    }
    row = teaching.overview({Path("10_small.ipynb"): small()}).splitlines()[-1]
    assert row == "| [10 · A title](../notebooks/10_small.ipynb) | 20 · 75 | 0.3 | 0.6 GB | 2 |"


def test_answers_stand_with_their_questions():
    assert teaching.answers({Path("10_small.ipynb"): small()}).splitlines() == [
        "### 10 · A title",
        "",
        r"- **How many?** Only \*few\*.",
        "- **At …%: how much is left?** It is 45%. That is all.",
        "- **And after that?** (not run yet)",
    ]


def test_no_question_of_the_notebooks_is_left_out():
    text = "\n".join(cell.source for notebook in NOTEBOOKS.values() for cell in notebook.cells)
    asked = text.count("**Think first.**") + len(
        re.findall(r"predictions\.(?:number|choice)\(", text)
    )
    assert asked > 5 and teaching.answers(NOTEBOOKS).count("\n- **") == asked

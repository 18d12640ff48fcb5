"""The board of claims: what the learner's notebooks have settled, shown beside what other sources say."""

import html
import json
import sys
import warnings
from pathlib import Path

from IPython.display import display

from .. import paper, profiles
from ..lab.runs import Run
from ..lab.store import RunStore, as_store
from .claims import TABLES, WORDS, YOURS, Finding, every, rule, sources

MARKS = {True: "✔", False: "✘", None: "?"}

COLOURS = {
    True: "#0072B2",
    False: "#D55E00",
    None: "#767676",
}  # blue and vermilion: told apart by everybody


def own_rows(store="runs"):
    """Tidy rows of the learner's own runs: those in a run store that were made with the current profile as it is.

    Of the tasks that were run both dense and pruned, those that share the most runs, so that all means are over the same
    tasks.

    Parameters
    ----------
    store : RunStore or path

    Returns
    -------
    pandas.DataFrame
    """
    store = as_store(store)
    keys = []
    for path in sorted((store.folder / "runs").glob("*.json")):
        record = store.read(path.stem)
        if record and Run(**record["run"] | {"profile": profiles.current()}).key == path.stem:
            keys.append(path.stem)
    rows = store.rows(keys)
    runs = {
        task: set(zip(of_task.condition, of_task.sparsity, of_task.seed))
        for task, of_task in rows.groupby("task")
        if (of_task.condition == "dense").any() and (of_task.sparsity > 0).any()
    }
    tasks = sorted(runs, key=lambda task: -len(runs[task]))
    shared = {
        count: count * len(set.intersection(*(runs[task] for task in tasks[:count])))
        for count in range(1, len(tasks) + 1)
    }
    return rows[rows.task.isin(tasks[: max(shared, key=shared.get, default=0)])]


def settle(findings, notebook, folder="runs"):
    """Put what a notebook has found on the scoreboard; run again, it replaces what it had found before.

    Parameters
    ----------
    findings : dict of int to Finding
    notebook : str
        Its number, such as "05".
    folder : str or path
        Of the run store.
    """
    for number in findings:
        if notebook not in _notebooks(number):
            raise ValueError(
                f"claim {number} is settled by notebook {' and '.join(_notebooks(number))}, not by {notebook!r}"
            )
    store = RunStore(folder)
    with store.lock("scoreboard"):  # two notebooks may be open at once
        record = _read(folder)
        board = record.setdefault(profiles.current().name, {})
        for number, finding in findings.items():
            board.setdefault(str(number), {})[notebook] = {
                "evidence": finding.evidence,
                "holds": finding.holds,
            }
        store.publish("scoreboard.json", json.dumps(record, indent=1))


def settled(folder="runs"):
    """What the learner's notebooks have found so far with the current profile: number → `Finding`.

    A claim that two notebooks settle holds if it does in both, and is open as long as one of them has not been run.
    """
    found = {}
    for number, parts in sorted(
        _read(folder).get(profiles.current().name, {}).items(), key=lambda item: int(item[0])
    ):
        number, missing = (
            int(number),
            [notebook for notebook in _notebooks(int(number)) if notebook not in parts],
        )
        evidence = [parts[notebook]["evidence"] for notebook in sorted(parts)] + [
            f"notebook {notebook} is still to come" for notebook in missing
        ]
        found[number] = Finding(
            "; ".join(evidence),
            every([*(part["holds"] for part in parts.values()), *[None] * len(missing)]),
        )
    return found


def _notebooks(number):
    rule(number)  # refuses a number that no claim has
    return paper.claims().notebook[number].split(" and ")


def _read(folder):
    path = Path(folder) / "scoreboard.json"
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for number, parts in [item for board in record.values() for item in board.items()]:
            if not set(parts) <= set(_notebooks(int(number))) or not all(
                isinstance(part["evidence"], str) and part["holds"] in WORDS
                for part in parts.values()
            ):
                raise ValueError(number)
        return record
    except (ValueError, AttributeError, TypeError, KeyError):
        warnings.warn(
            f"{path} is damaged; all claims are open again. Run the last cells of notebooks 03 to 07 to settle them",
            stacklevel=3,
        )
        return {}


def evidence(findings, numbers):
    """Show what several sources say of some claims: under each claim and its rule one line a source.

    Parameters
    ----------
    findings : dict of str to (dict of int to Finding)
        For example ``{claims.YOURS: ...} | claims.sources()``.
    numbers : iterable of int
    """
    rows, lines = [], []
    for number in numbers:
        title, said = f"{number}. {paper.claims().claim[number]}.", rule(number)
        rows.append(
            f'<tr><td colspan="3" style="{_CELL}border-top:2px solid #767676"><b>{html.escape(title)}</b><br><i>Rule:</i> {html.escape(said)}</td></tr>'
        )
        lines.append(f"{title}\n   Rule: {said}")
        for source, of_source in findings.items():
            if number in of_source:
                found = of_source[number]
                rows.append(
                    _row([html.escape(source), _mark(found.holds), html.escape(found.evidence)])
                )
                lines.append(_line(source, found))
    _show(["source", "verdict", "evidence (95% intervals)"], rows, lines, widths=(20, 16, 64))


def scoreboard(folder="runs", reveal=False):
    """Show all claims: open ones as open, and beside those that the learner has settled what the others say.

    Parameters
    ----------
    folder : str or path
        Of the run store.
    reveal : bool
        Show what the others say of open claims, too.
    """
    mine, rows, lines = settled(folder), [], []
    others = sources() if reveal or mine else {}
    for number, claim in paper.claims().iterrows():
        where = f"notebook {' and '.join(_notebooks(number))}"
        lines.append(f"{number}. {claim.claim} (§{claim.section}).")
        if number in mine:
            yours = f"{_mark(mine[number].holds)}<br>{html.escape(mine[number].evidence)}"
            lines.append(_line(YOURS, mine[number]))
        else:
            yours = f"○ open<br>{where}"
            lines.append(f"   {YOURS:22} ○ open: {where}")
        cells = [f"{number}", f"{html.escape(claim.claim)} (§{claim.section})", yours]
        for source, findings in others.items():
            if not reveal and number not in mine:
                cells.append("")
            else:  # the evidence of the others stands in the notebooks and in docs/scoreboard.md
                found = (
                    findings[number] if source == TABLES else Finding("", findings[number].holds)
                )
                cells.append(f"{_mark(found.holds)}<br>{html.escape(found.evidence)}")
                lines.append(_line(source, found))
        rows.append(_row(cells))
    _show(
        ["", "claim", YOURS, *others],
        rows,
        lines,
        widths=(4, 22, 20, 21, 11, 11, 11) if others else (4, 66, 30),
    )
    count = [sum(found.holds is holds for found in mine.values()) for holds in WORDS]
    print(
        f"{len(mine)} of {len(paper.claims())} claims judged by your notebooks: "
        + ", ".join(f"{n} {word}" for n, word in zip(count, WORDS.values()))
        + "."
    )


_CELL = "text-align:left;vertical-align:top;white-space:normal;overflow-wrap:anywhere;"


def _mark(holds):
    return f'<b style="color:{COLOURS[holds]}">{MARKS[holds]}</b> {WORDS[holds]}'


def _row(cells):
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _line(source, found):
    return f"   {source:22} {MARKS[found.holds]} {found.verdict:14} {found.evidence}".rstrip()


def _show(names, rows, lines, widths):
    columns = "".join(f'<col style="width:{width}%">' for width in widths)
    head = "".join(f'<th style="{_CELL}">{html.escape(name)}</th>' for name in names)
    table = f'<table style="width:100%;table-layout:fixed;font-size:90%"><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead><tbody>'
    display(
        {"text/html": f"{table}{''.join(rows)}</tbody></table>", "text/plain": "\n".join(lines)},
        raw=True,
    )


def as_markdown():
    """All claims with what each source says, as Markdown: ``python -m helpers.lesson.scoreboard > docs/scoreboard.md``."""
    mark = lambda finding: f"{MARKS[finding.holds]} {finding.verdict}"
    table = [f"| claim | {' | '.join(sources())} |", "|---" * (1 + len(sources())) + "|"]
    parts = []
    for number, claim in paper.claims().iterrows():
        table.append(
            f"| {number}. {claim.claim} (§{claim.section}) | {' | '.join(mark(found[number]) for found in sources().values())} |"
        )
        said = [
            f"- {source}: {mark(found[number])}. {found[number].evidence}"
            for source, found in sources().items()
        ]
        parts.append(f"## {number}. {claim.claim}\n\nRule: {rule(number)}\n\n" + "\n".join(said))
    intro = (
        "What the shipped results and the paper's own tables say of the paper's claims, with 95% intervals, by the rules of `helpers.lesson.claims`. "
        "This page is written by `python -m helpers.lesson.scoreboard`; your own runs are judged by the same rules in the notebooks."
    )
    return "\n\n".join(["# The scoreboard", intro, "\n".join(table), *parts]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())

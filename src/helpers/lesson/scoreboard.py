"""The board of claims: what the learner's notebooks settled, beside what other sources say."""

import html
import json
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from IPython.display import display

from .. import analysis, paper, profiles, reference
from ..claims import (
    FEW,
    MARKS,
    NOT_RUN,
    TABLES,
    VERDICTS,
    WORDS,
    YOURS,
    Finding,
    judge,
    rule,
    sources,
    together,
)
from ..conditions import CONDITIONS
from ..lab.results import read, shared_tasks
from ..lab.runs import Run
from ..lab.store import RunStore, as_store
from ..tasks import GLUE, title

# blue and vermilion: told apart by everybody
COLORS = {True: "#0072B2", False: "#D55E00", None: "#767676"}


def own_rows(store: RunStore | str | Path = "runs") -> pd.DataFrame:
    """Tidy rows of the learner's own runs: those made with the current profile as it is.

    Of the tasks that were run both dense and pruned, those that share the most runs, so that all
    means are over the same tasks.

    Parameters
    ----------
    store : RunStore or path

    Returns
    -------
    pandas.DataFrame
    """
    store, known = as_store(store), profiles.current()
    keys = []
    for path in sorted((store.folder / "runs").glob("*.json")):
        record = store.read(path.stem)
        if not record or record["run"]["task"] not in GLUE:
            continue
        if Run(**record["run"] | {"profile": known}).key == path.stem:
            keys.append(path.stem)
    rows = store.rows(keys)
    return shared_tasks(rows)


def settle(findings: dict[int, Finding], notebook: str, folder: str | Path = "runs") -> None:
    """Put what a notebook has found on the scoreboard, in place of what it found before.

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
                f"claim {number} is settled by notebook {' and '.join(_notebooks(number))}, "
                f"not by {notebook!r}"
            )
    store = RunStore(folder)
    with store.lock("scoreboard"):  # two notebooks may be open at once
        record = _read(folder)
        board = record.setdefault(profiles.current().name, {})
        for number, finding in findings.items():
            board.setdefault(str(number), {})[notebook] = finding._asdict()
        store.publish("scoreboard.json", json.dumps(record, indent=1))


def settled(folder: str | Path = "runs") -> dict[int, Finding]:
    """What the learner's notebooks have found so far with the current profile: number → `Finding`.

    A claim that two notebooks settle holds if it does in both. As long as one of them has not been
    run, it is open, unless the other has said no.
    """
    board = _read(folder).get(profiles.current().name, {})
    found = {}
    for number, parts in sorted((int(number), parts) for number, parts in board.items()):
        done = [Finding(**parts[notebook]) for notebook in sorted(parts)]
        missing = [notebook for notebook in _notebooks(number) if notebook not in parts]
        to_come = [Finding(f"notebook {name} is still to come", None, NOT_RUN) for name in missing]
        found[number] = together(done + to_come)
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
        for board in record.values():
            for number, parts in board.items():
                if not set(parts) <= set(_notebooks(int(number))):
                    raise ValueError(number)
                for part in parts.values():
                    _check(Finding(**part))
        return record
    except (ValueError, AttributeError, TypeError, KeyError):
        warnings.warn(
            f"{path} is damaged; all claims are open again. "
            "Run the last cells of notebooks 03 to 07 to settle them",
            stacklevel=3,
        )
        return {}


def _check(finding):
    texts = finding.evidence, finding.settles or ""
    known = finding.holds in WORDS and finding.lacks in (None, FEW, NOT_RUN)
    if not known or not all(isinstance(text, str) for text in texts):
        raise ValueError(finding)


def evidence(findings: dict[str, dict[int, Finding]], numbers: Iterable[int]) -> None:
    """Show what several sources say of some claims: their verdicts; folded below, the evidence.

    Parameters
    ----------
    findings : dict of str to (dict of int to Finding)
        For example ``{claims.YOURS: ...} | claims.sources()``.
    numbers : iterable of int
    """
    rows, lines, verdicts = [], [], []
    numbers = list(numbers)
    for number in numbers:
        title, said = f"{number}. {paper.claims().claim[number]}.", rule(number)
        rows.append(
            f'<tr><td colspan="3" style="{_CELL}border-top:2px solid #767676">'
            f"<b>{html.escape(title)}</b><br><i>Rule:</i> {html.escape(said)}</td></tr>"
        )
        lines.append(f"{title}\n   Rule: {said}")
        marks = [_mark(found[number]) if number in found else "" for found in findings.values()]
        verdicts.append(_row([html.escape(title), *marks]))
        for source, of_source in findings.items():
            if number in of_source:
                found = of_source[number]
                told = html.escape(found.evidence)
                if found.settles:
                    told += f"<br><i>{SETTLES}</i> {html.escape(found.settles)}"
                rows.append(_row([html.escape(source), _mark(found), told]))
                lines.append(_line(source, found))
    widths = [40, *(60 / len(findings) for _ in findings)]
    overview = _table(["claim", *findings], verdicts, widths)
    details = _table(["source", "verdict", "evidence (95% intervals)"], rows, widths=(20, 16, 64))
    folded = f"<details><summary>Rules and evidence</summary>{details}</details>"
    _show(overview + folded, lines)


def conclude(
    findings: dict[int, Finding],
    notebook: str,
    folder: str | Path = "runs",
    others: dict[str, dict[int, Finding]] | None = None,
    numbers: Iterable[int] | None = None,
) -> None:
    """Put what a notebook has found on the scoreboard, and show what others say beside it.

    Parameters
    ----------
    findings, notebook, folder
        As for `settle`.
    others : dict of str to (dict of int to Finding), optional
        Default `claims.sources()`.
    numbers : iterable of int, optional
        Claims to show; default all of `findings`.
    """
    settle(findings, notebook, folder)
    beside = sources() if others is None else others
    evidence({YOURS: findings} | beside, findings if numbers is None else numbers)


def judged(beside: Mapping[str, str | Path | pd.DataFrame | RunStore]) -> dict:
    """What results of any model and settings say of the claims.

    Parameters
    ----------
    beside : dict of str to str, path, pandas.DataFrame or RunStore
        Name → a run store, a CSV or rows, as `helpers.lab.results.read` takes them. Where one holds
        several models or settings, they get a name each.

    Returns
    -------
    dict of str to (dict of int to Finding)
        As for `evidence`.
    """
    found = {}
    for name, source in beside.items():
        tables = read(source)
        for label, rows in tables.items():
            found[name if len(tables) == 1 else f"{name}: {label}"] = judge(rows)
    return found


def scoreboard(
    folder: str | Path | None = "runs",
    reveal: bool = False,
    beside: Mapping[str, str | Path | pd.DataFrame | RunStore] | None = None,
) -> None:
    """Show all claims, and beside those that the learner has settled what the others say.

    Parameters
    ----------
    folder : str or path, optional
        Of the run store; None shows the board before anything is settled.
    reveal : bool
        Show what the others say of open claims, too.
    beside : dict of str to str, path, pandas.DataFrame or RunStore, optional
        More results, such as those of another model or of a colleague, by name; see `judged`. They
        are shown for every claim that rows can settle.
    """
    mine, rows, lines = {} if folder is None else settled(folder), [], []
    own = judged(beside or {})
    others = sources() if reveal or mine else {}
    for number, claim in paper.claims().iterrows():
        where = f"notebook {' and '.join(_notebooks(number))}"
        lines.append(f"{number}. {claim.claim} (§{claim.section}).")
        if number in mine:
            yours = f"{_mark(mine[number])}<br>{html.escape(mine[number].evidence)}"
            lines.append(_line(YOURS, mine[number]))
        else:
            yours = f"○ open<br>{where}"
            lines.append(f"   {YOURS:22} ○ open: {where}")
        cells = [f"{number}", f"{html.escape(claim.claim)} (§{claim.section})", yours]
        for source, findings in own.items():
            found = findings.get(number)
            cells.append(f"{_mark(found)}<br>{html.escape(found.evidence)}" if found else "")
            if found:
                lines.append(_line(source, found))
        for source, findings in others.items():
            if not reveal and number not in mine:
                cells.append("")
            else:  # the evidence of the others stands in the notebooks and in docs/scoreboard.md
                found = findings[number]._replace(settles=None)
                found = found if source == TABLES else found._replace(evidence="")
                cells.append(f"{_mark(found)}<br>{html.escape(found.evidence)}")
                lines.append(_line(source, found))
        rows.append(_row(cells))
    beside_yours = [20] * len(own)
    widths = (4, 22, 20, *beside_yours, 21, 11, 11, 11) if others else (4, 66, 30, *beside_yours)
    _show(_table(["", "claim", YOURS, *own, *others], rows, widths), lines)
    verdicts = [found.verdict for found in mine.values()]
    count = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
    decided = [WORDS[True], WORDS[False]]
    still = [f"{n} {verdict}" for verdict, n in count.items() if n and verdict not in decided]
    print(
        f"Your notebooks have decided {sum(count[verdict] for verdict in decided)} of "
        f"{len(paper.claims())} claims: "
        + ", ".join(f"{count[verdict]} {verdict}" for verdict in decided)
        + "."
        + (f" Still open: {', '.join(still)}." if still else "")
    )


SETTLES = "To settle it:"
_CELL = "text-align:left;vertical-align:top;white-space:normal;overflow-wrap:anywhere;"


def _mark(found):
    return f'<b style="color:{COLORS[found.holds]}">{MARKS[found.verdict]}</b> {found.verdict}'


def _row(cells):
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _line(source, found):
    settles = f" {SETTLES} {found.settles}" if found.settles else ""
    told = f"{found.evidence}.{settles}" if settles else found.evidence
    return f"   {source:22} {MARKS[found.verdict]} {found.verdict:16} {told}".rstrip()


def _table(names, rows, widths):
    columns = "".join(f'<col style="width:{width}%">' for width in widths)
    head = "".join(f'<th style="{_CELL}">{html.escape(name)}</th>' for name in names)
    return (
        '<table style="width:100%;table-layout:fixed;font-size:90%">'
        f"<colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _show(page, lines):
    display({"text/html": page, "text/plain": "\n".join(lines)}, raw=True)


def _collapsed():
    """A line for each of the shipped results: which runs collapsed."""
    for label, rows in reference.sources().items():
        runs = [
            f"{CONDITIONS[run.condition].label} at {100 * run.sparsity:.0f}%, {title(run.task)}, "
            f"seed {run.seed} ({100 * run.value:.1f}%)"
            for run in analysis.collapsed(rows).itertuples()
        ]
        yield f"- {label}: {len(runs) or 'none'}" + (f". {'; '.join(runs)}" if runs else "")


def as_markdown() -> str:
    """All claims with what each source says, as Markdown.

    ``python -m helpers.lesson.scoreboard > docs/scoreboard.md``
    """
    mark = lambda finding: f"{MARKS[finding.verdict]} {finding.verdict}"
    table = [f"| claim | {' | '.join(sources())} |", "|---" * (1 + len(sources())) + "|"]
    parts = []
    for number, claim in paper.claims().iterrows():
        marks = " | ".join(mark(found[number]) for found in sources().values())
        table.append(f"| {number}. {claim.claim} (§{claim.section}) | {marks} |")
        said = []
        for source, findings in sources().items():
            found = findings[number]
            settles = f". *{SETTLES}* {found.settles}" if found.settles else ""
            said.append(f"- {source}: {mark(found)}. {found.evidence}{settles}")
        parts.append(f"## {number}. {claim.claim}\n\nRule: {rule(number)}\n\n" + "\n".join(said))
    return "\n\n".join(
        [
            "# The scoreboard",
            _INTRO,
            "\n".join(table),
            *parts,
            f"## Collapsed runs\n\n{_ON_COLLAPSED}",
            "\n".join(_collapsed()) + "\n",
        ]
    )


_INTRO = (
    "What the shipped results and the paper's own tables say of the paper's claims, with 95% "
    "intervals, by the rules of `helpers.claims`. An open claim is *not run*, has *not "
    "enough seeds* for the rule, or nobody *can say*, because the interval reaches to both "
    "sides. This page is written by `python -m helpers.lesson.scoreboard`; your own runs are "
    "judged by the same rules in the notebooks."
)
_ON_COLLAPSED = (
    "A run has collapsed if it ends at the constant answer (within half a point, or below) "
    "while another seed of its condition, sparsity and task is five points or "
    "more above. Collapsed runs stay in all means and intervals; a sparsity with one is "
    "judged by its own seeds alone."
)

if __name__ == "__main__":
    sys.stdout.write(as_markdown())

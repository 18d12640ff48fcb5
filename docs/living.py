"""What lives on the pages of the book without a kernel: pocket BERT and the course's results.

Each function returns a script that the page loads by a script tag, since a page that was opened
from a disk may fetch nothing. Every number comes from what ships with the course when the book is
built.
"""

import base64
import functools
import json
import re
from pathlib import Path

from matplotlib.colors import to_hex

from helpers import analysis, data, paper, plots, profiles, reference, tasks, training
from helpers.lesson import page, widgets
from helpers.lesson.widgets.matrices import GROUPS
from helpers.lesson.widgets.results import looks, points
from helpers.pruning import prunable_parameters

# What an explorer shows that needs no run: of notebooks whose outputs do not hold it
SHIPPED = {
    "threshold_explorer": lambda: widgets.threshold_explorer(
        prunable_parameters(training.load_mlm(profiles.locate("pocket")))
    ),
    "schedule_explorer": lambda: widgets.schedule_explorer(1000),
    "results_explorer": lambda: widgets.results_explorer(both()),
    "cost_calculator": lambda: widgets.cost_calculator(
        reference.costs("bytes"), reference.costs("milliseconds")
    ),
}


def script(name: str, value) -> str:
    """A script that sets a property of the page's window to a value."""
    return f"window.{name} = {json.dumps(value, separators=(',', ':'), ensure_ascii=False)};\n"


def both() -> dict:
    """The pocket BERT's results and the paper's."""
    return {
        reference.NAMES["tiny"]: reference.rows("tiny"),
        "BERT-Base (paper)": paper.table1_rows(),
    }


@functools.cache
def _shipped(name):
    return SHIPPED[name]().on_page()


def shipped(source: str) -> str | None:
    """The explorer that a cell's source calls, packed, if it can be made of what ships."""
    call = re.search(rf"widgets\.({'|'.join(SHIPPED)})\(", source)
    if not call:
        return None
    metric = re.search(r"metric=\"(\w+)\"", source)
    return page.packed(_shipped(call[1]) | ({"start": metric[1]} if metric else {}))


def regimes() -> str:
    """The figure of the regimes: ours and a real model's beside the paper's."""
    panels = []
    minilm = reference.rows("minilm").query("task == 'sst2'")
    ours, theirs = both().items()
    for name, rows in (ours, (reference.NAMES["minilm"], minilm), theirs):
        table = analysis.curve_table(rows)
        names, seeds = rows.task.unique(), rows.seed.nunique()
        what = tasks.title(names[0]) if len(names) == 1 else f"mean over {len(names)} tasks"
        runs = f"{seeds} seeds, 95% intervals" if seeds > 1 else "one run a point"
        shown = [c for c in plots.THE_FOUR if c in set(table.condition)]
        panels.append(
            {
                "name": name,
                "title": f"{name}: {what}, {runs}",
                "label": plots.METRIC_LABEL["accuracy"],
                "unit": "%",
                "lines": [
                    look | {"points": points(table, condition)}
                    for condition, look in looks(shown).items()
                ],
                "regimes": [
                    {
                        "kind": kind.replace("open", "?"),
                        "short": plots.REGIMES[kind][1],
                        "from": start / 100,
                        "to": stop / 100,
                        "color": to_hex(plots.REGIMES[kind][0]),
                    }
                    for kind, start, stop in plots.regime_spans(rows)
                ],
            }
        )
    return script("regimes", {"panels": panels})


def pocket_bert() -> str:
    """The pocket BERT for `bert.js`: its file, its words, and the matrices of each group."""
    folder = Path(profiles.locate("pocket"))
    names = list(prunable_parameters(training.load_mlm(str(folder))))
    vocabulary = data.load_tokenizer("pocket").get_vocab()
    groups = {
        label.removesuffix(" only"): [name for name in names if belongs(name)]
        for label, belongs in GROUPS.items()
        if label != "all matrices"  # all groups together, but for the pooler: it guesses no word
    }
    return script(
        "pocketBert",
        {
            "weights": base64.b64encode((folder / "model.safetensors").read_bytes()).decode(),
            "config": json.loads((folder / "config.json").read_text()),
            "words": sorted(vocabulary, key=vocabulary.get),
            "groups": groups,
        },
    )

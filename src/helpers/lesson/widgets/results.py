"""Widgets about results: accuracy and losses against sparsity, bytes and milliseconds."""

import itertools
from collections.abc import Mapping
from functools import cache

import ipywidgets
import numpy as np
import pandas as pd

from ... import analysis, plots, tasks
from ...conditions import CONDITIONS
from ...cost.storage import EXACT
from ..layout import wide
from .base import Explorer, choice, sparsity_slider

METRICS = ("accuracy", "train_loss", "mlm_loss")


def results_explorer(
    sources: Mapping[str, pd.DataFrame],
    mine: pd.DataFrame | None = None,
    metric: str = "accuracy",
) -> Explorer:
    """Choose metric, task and conditions; see the curves of all sources.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        As for `helpers.plots.curves`.
    mine : pandas.DataFrame, optional
        The learner's own rows.
    metric : str
        Shown at first.
    """
    names = first_tasks(sources)
    metrics = [(plots.METRIC_LABEL[m], m) for m in METRICS]
    pruned = ("prune_pretrain", "info_deletion", "prune_downstream", "random")

    @cache  # means and intervals take longer than a drawing
    def table(name, metric, task, relative):
        return analysis.curve_table(sources[name], metric, task or None, relative)

    def stage(figure, **values):
        sentence = draw(figure.subplots(), **values)
        return lambda: sentence, []

    def draw(ax, metric, task, source, conditions, relative, bands):
        relative = relative and source != "mine"  # whose dense runs may be missing
        shown = [name for name in sources if source in ("", name, "mine")]
        used = {name: table(name, metric, task, relative) for name in shown}
        drawn = conditions if source != "mine" else ()
        lines = plots.curve_lines(used, metric, drawn, bands=bands, ax=ax)
        legend = plots.legend_handles(lines, sources=used if source != "mine" else {})
        plots.floor_lines(used[shown[0]], metric, ax)
        if mine is not None and not relative and source in ("", "mine"):
            legend += plots.own_runs(mine, metric, task, ax)
        # where there is room need not be searched
        ax.legend(handles=legend, loc="center left", bbox_to_anchor=(1, 0.5))
        ax.set_ylabel((plots.RELATIVE_LABEL if relative else plots.METRIC_LABEL)[metric])
        plots.sparsity_axis(ax)
        ax.set_title(tasks.title(task) if task else "mean over tasks")
        if source == "mine":
            return _own_runs(mine, metric, task)
        return _ends(*next(iter(used.items())), metric, conditions, relative)

    shown = [("all sources", "")] + [(name, name) for name in sources]
    if mine is not None:
        shown.append(("my own runs", "mine"))
    return Explorer(
        stage,
        {
            "metric": choice(metrics, "metric", metric),
            "task": choice(names, "task"),
            "source": choice(shown, "source"),
            "conditions": ipywidgets.SelectMultiple(
                options=[(CONDITIONS[c].label, c) for c in pruned],
                value=pruned,
                rows=4,
                description="conditions",
                **wide(),
            ),
            "relative": ipywidgets.Checkbox(
                False, description="show the difference from dense", **wide()
            ),
            "bands": ipywidgets.Checkbox(True, description="show 95% intervals", **wide()),
        },
        size=(8.6, 4.4),
        margins={"left": 0.09, "right": 0.7, "bottom": 0.13, "top": 0.92},
        on_page=lambda: page_of(sources, metric, pruned, table),
    )


def page_of(sources, metric, pruned, table):
    """The results explorer as a page draws it (``docs/_static/curves.js``).

    Every table that it can be asked for, and the sentence's part for each condition.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        Name in the figure → tidy rows of one model.
    metric : str
        The one that it starts with.
    pruned : sequence of str
        The conditions that it can show.
    table : callable
        Of a source's name, a metric, a task or None, and whether to show differences from dense:
        a table as from `helpers.analysis.curve_table`.

    Returns
    -------
    dict
    """
    tables, ends = {}, {}
    every = [*first_tasks(sources)]
    for name, kind, (_, task), relative in itertools.product(
        sources, METRICS, every, (False, True)
    ):
        key = f"{name}|{kind}|{task}|{relative:d}"
        of_all = table(name, kind, task, relative)
        tables[key] = {
            c: points(of_all, c, kind, relative)
            for c in (*pruned, "dense", "from_scratch", "majority")
        }
        ends[key] = {c: end for c in pruned if (end := _end(of_all, c, kind, relative))}
    return {
        "kind": "curves",
        "metrics": [
            {
                "id": kind,
                "label": plots.METRIC_LABEL[kind],
                "relative": plots.RELATIVE_LABEL[kind],
                "unit": "%" if kind == "accuracy" else "nats",
            }
            for kind in METRICS
        ],
        "start": metric,
        "tasks": [(task, label) for label, task in every],
        "sources": list(sources),
        "pruned": pruned,
        "conditions": looks((*pruned, "dense", "from_scratch", "majority")),
        "tables": tables,
        "ends": ends,
    }


def looks(conditions):
    """Label, colour and marker of conditions, for a page."""
    return {
        c: {
            "label": CONDITIONS[c].label,
            "color": CONDITIONS[c].color,
            "marker": CONDITIONS[c].marker,
        }
        for c in conditions
    }


def points(table, condition, metric="accuracy", relative=False):
    """A condition's line as a page draws it: sparsity, mean and the ends of its interval.

    Accuracy is in percent. Ends that are not known are None.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `helpers.analysis.curve_table`.
    condition, metric : str
    relative : bool
        Whether the table holds differences from dense.

    Returns
    -------
    list of [float, float, float or None, float or None]
    """
    line = table[table.condition == condition].sort_values("sparsity")
    if condition in CONDITIONS and CONDITIONS[condition].prunes and len(line):
        dense = table[table.condition == "dense"]
        if not (line.sparsity == 0).any():  # the dense model is its point at 0%
            line = pd.concat([dense, line])
    scale = 100 if metric == "accuracy" else 1
    return [
        [row.sparsity, *(None if pd.isna(v) else float(f"{scale * v:.4g}") for v in values)]
        for row in line.itertuples()
        for values in [(row.mean, row.low, row.high)]
    ]


def first_tasks(sources):
    """The tasks of the first source, as menus show them: label and name."""
    first = next(iter(sources.values()))
    return [("mean over tasks", "")] + [(tasks.title(t), t) for t in first.task.unique()]


def _own_runs(mine, metric, task):
    """A learner's own results in words."""
    rows = mine[(mine.metric == metric) & ((mine.task == task) | (metric == "mlm_loss"))]
    parts = [
        f"{CONDITIONS[row.condition].label} {_value(row.value, metric)} at {row.sparsity:.0%}"
        for row in rows.itertuples()
    ]
    if not parts:
        return (
            "You have no runs of this task and metric. "
            "Each run is of one task, so none counts in a mean over tasks."
        )
    return f"Your own runs: {'; '.join(parts)}."


def _ends(source, means, metric, conditions, relative):
    """What each condition's curve is at its first and its last sparsity, in words."""
    parts = filter(None, (_end(means, c, metric, relative) for c in conditions))
    against = ", against dense" if relative else ""
    return f"{source}{against}: {'; '.join(parts) or 'nothing of this was measured'}."


def _end(means, condition, metric, relative):
    """One condition's part of the sentence; empty where nothing was measured."""
    line = means[means.condition == condition].set_index("sparsity")["mean"].sort_index()
    if line.empty:
        return ""
    ends = line.iloc[[0, -1] if len(line) > 1 else [0]]
    told = [f"{_value(mean, metric, relative)} at {s:.0%}" for s, mean in ends.items()]
    return f"{CONDITIONS[condition].label} {' and '.join(told)}"


def _value(value, metric, relative=False):
    """A result with its unit; with its sign, where it is a difference from dense."""
    if metric == "accuracy":
        number, unit = f"{100 * value:z.1f}", " points" if relative else "%"
    else:
        number, unit = f"{value:z.2f}", " nats"
    return f"{'+' if relative and float(number) > 0 else ''}{number}{unit}"


def cost_calculator(sizes: pd.DataFrame, times: pd.DataFrame) -> Explorer:
    """Slide the sparsity: what a model then weighs in each format, and how long each engine takes.

    Parameters
    ----------
    sizes : pandas.DataFrame
        Columns ``model``, ``format``, ``sparsity``, ``bytes``, such as
        ``helpers.reference.costs("bytes")``.
    times : pandas.DataFrame
        From `helpers.cost.speed.engine_times`, or ``helpers.reference.costs("milliseconds")``.
    """
    models = [model for model in sizes.model.unique() if model in set(times.model)]
    batches = [
        (f"{batch} sentence{'s' if batch > 1 else ''} at once", int(batch))
        for batch in sorted(times.batch.unique())
    ]

    def stage(figure, model, batch):
        size, time = (
            sizes[sizes.model == model],
            times[(times.model == model) & (times.batch == batch)],
        )
        left, right = figure.subplots(1, 2)
        plots.format_sizes(size, left)
        plots.engine_times(time, batch, right)
        lines = [ax.axvline(0, color="black", linewidth=1) for ax in (left, right)]
        for ax in (left, right):
            ax.set_xlim(0, 100)
            # under the figure, where neither curves nor the line run through it
            place = {"loc": "upper left", "bbox_to_anchor": (-0.18, -0.2), "ncols": 2}
            ax.legend(fontsize=8, handlelength=1.5, columnspacing=1, **place)

        def move(sparsity):
            for line in lines:
                line.set_xdata([100 * sparsity] * 2)
            low, high = size.sparsity.min(), size.sparsity.max()
            if not low <= sparsity <= high:
                return f"Sizes were measured from {low:.0%} to {high:.0%} only."
            here = {
                form: _at(line.sparsity, line["bytes"], sparsity)
                for form, line in size.groupby("format")
            }
            exact = min((form for form in here if form in EXACT), key=here.get)
            sentence = (
                f"{model} at {sparsity:.0%}: dense {here['dense'] / 1e6:.3g} MB. "
                "Smallest file that gives every weight back: "
                f"<b>{plots.FORMAT_STYLE[exact].label}, {here[exact] / 1e6:.3g} MB</b> "
                f"({here['dense'] / here[exact]:.1f} times smaller). "
                f"int8, rounded and not pruned: {here['int8'] / 1e6:.3g} MB. "
            )
            low, high = time.sparsity.min(), time.sparsity.max()
            if not low <= sparsity <= high:
                return sentence + f"Times were measured from {low:.0%} to {high:.0%} only."
            here = {
                engine: _at(line.sparsity, line.ms, sparsity)
                for engine, line in time.groupby("engine")
            }
            fastest = min(here, key=here.get)
            return sentence + (
                f"Dense takes {_ms(here['dense'])}, CSR {_ms(here['CSR'])}. "
                f"Fastest: <b>{plots.ENGINE_STYLE[fastest].label}, {_ms(here[fastest])}</b>."
            )

        return move, lines

    return Explorer(
        stage,
        {
            "model": choice(models, "model"),
            "batch": choice(batches, "batch"),
            "sparsity": sparsity_slider(0.7),
        },
        size=(8.6, 4.6),
        moving=("sparsity",),
        margins={"left": 0.09, "right": 0.98, "bottom": 0.34, "top": 0.97, "wspace": 0.26},
    )


def _at(x, y, value):
    """A measured curve between its points."""
    order = np.argsort(x)
    return float(np.interp(value, np.asarray(x)[order], np.asarray(y)[order]))


def _ms(milliseconds):
    return f"{milliseconds:,.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"

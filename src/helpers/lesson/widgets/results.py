"""Widgets about results: accuracy and losses against sparsity, bytes and milliseconds."""

from functools import cache

import ipywidgets
import numpy as np

from ... import analysis, plots, tasks
from ...conditions import CONDITIONS
from ...cost.storage import EXACT
from .base import WIDE, choice, explorer, sparsity_slider


def results_explorer(sources, mine=None, metric="accuracy"):
    """Choose metric, task and conditions; see the curves of all sources.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        As for `helpers.plots.curves`.
    mine : pandas.DataFrame, optional
    metric : str
        Shown at first.
    """
    first = next(iter(sources.values()))
    of_tasks = [(tasks.NAMES[task], task) for task in first.task.unique()]
    metrics = [(plots.METRIC_LABEL[m], m) for m in ("accuracy", "train_loss", "mlm_loss")]
    conditions = [
        (CONDITIONS[c].label, c)
        for c in ("prune_pretrain", "info_deletion", "prune_downstream", "random")
    ]
    chosen = ipywidgets.SelectMultiple(
        options=conditions,
        value=[c for _, c in conditions],
        rows=4,
        description="conditions",
        **WIDE,
    )
    shown = choice(
        [("all sources", "")]
        + [(name, name) for name in sources]
        + [("my own runs", "mine")] * (mine is not None),
        "source",
    )
    relative = ipywidgets.Checkbox(False, description="show the difference from dense", **WIDE)
    bands = ipywidgets.Checkbox(True, description="show 95% intervals", **WIDE)

    @cache  # means and intervals take longer than a drawing
    def table(name, metric, task, relative):
        return analysis.curve_table(sources[name], metric, task or None, relative)

    def stage(figure, **values):
        sentence = draw(figure.subplots(), **values)
        return lambda: sentence, []

    def draw(ax, metric, task, source, conditions, relative, bands):
        names = [name for name in sources if source in ("", name, "mine")]
        used = {name: table(name, metric, task, relative) for name in names}
        drawn = conditions if source != "mine" else ()
        legend = plots.legend_handles(
            plots.curve_lines(used, metric, drawn, bands=bands, ax=ax), sources=used
        )
        plots.floor_lines(used[names[0]], metric, ax)
        if mine is not None and not relative and source in ("", "mine"):
            legend += plots.own_runs(mine, metric, task, ax)
        # where there is room need not be searched
        ax.legend(handles=legend, loc="center left", bbox_to_anchor=(1, 0.5))
        ax.set_ylabel((plots.RELATIVE_LABEL if relative else plots.METRIC_LABEL)[metric])
        plots.sparsity_axis(ax)
        ax.set_title(tasks.NAMES[task] if task else "mean over tasks")
        scale, unit = (
            (1, " nats") if metric != "accuracy" else (100, " points" if relative else "%")
        )
        parts = []
        if source == "mine":
            rows = mine[(mine.metric == metric) & ((mine.task == task) | (metric == "mlm_loss"))]
            parts = [
                f"{CONDITIONS[row.condition].label} {scale * row.value:.1f}{unit} at {100 * row.sparsity:.0f}%"
                for row in rows.itertuples()
            ]
            return f"Your own runs: {'; '.join(parts) or 'none of this task and metric (a run is of one task, so it has no place in a mean over tasks)'}."
        name, values = next(iter(used.items()))
        sign = "+" if relative else ""
        for condition in conditions:
            line = values[values.condition == condition].set_index("sparsity")["mean"].sort_index()
            if len(line):
                parts.append(
                    f"{CONDITIONS[condition].label} {scale * line.iloc[0]:{sign}.1f}{unit} at {100 * line.index[0]:.0f}% and "
                    f"{scale * line.iloc[-1]:{sign}.1f}{unit} at {100 * line.index[-1]:.0f}%"
                )
        return f"{name}{', against dense' if relative else ''}: {'; '.join(parts) or 'nothing of this was measured'}."

    return explorer(
        stage,
        {
            "metric": choice(metrics, "metric", metric),
            "task": choice([("mean over tasks", ""), *of_tasks], "task"),
            "source": shown,
            "conditions": chosen,
            "relative": relative,
            "bands": bands,
        },
        size=(10.4, 4.6),
        margins={"left": 0.08, "right": 0.76, "bottom": 0.13, "top": 0.92},
    )


def cost_calculator(sizes, times):
    """Slide the sparsity: what a model then weighs in each format, and how long each engine takes.

    Parameters
    ----------
    sizes : pandas.DataFrame
        Columns ``model``, ``format``, ``sparsity``, ``bytes``, such as ``helpers.reference.costs("bytes")``.
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
            ax.legend(fontsize=8)

        def move(sparsity):
            for line in lines:
                line.set_xdata([100 * sparsity] * 2)
            here = {
                form: _at(line.sparsity, line["bytes"], sparsity)
                for form, line in size.groupby("format")
            }
            exact = min((form for form in here if form in EXACT), key=here.get)
            sentence = (
                f"{model} at {100 * sparsity:.0f}%: dense {here['dense'] / 1e6:.3g} MB. Smallest file that gives every weight back: "
                f"<b>{plots.FORMAT_STYLE[exact].label}, {here[exact] / 1e6:.3g} MB</b> ({here['dense'] / here[exact]:.1f} times smaller); "
                f"int8, rounded and not pruned, {here['int8'] / 1e6:.3g} MB. "
            )
            if not time.sparsity.min() <= sparsity <= time.sparsity.max():
                return (
                    sentence
                    + f"Times were measured from {100 * time.sparsity.min():.0f}% to {100 * time.sparsity.max():.0f}% only."
                )
            here = {
                engine: _at(line.sparsity, line.ms, sparsity)
                for engine, line in time.groupby("engine")
            }
            fastest = min(here, key=here.get)
            return sentence + (
                f"Dense takes {_ms(here['dense'])}, CSR {_ms(here['CSR'])}; fastest: <b>{plots.ENGINE_STYLE[fastest].label}, {_ms(here[fastest])}</b>."
            )

        return move, [
            *lines,
            left.get_legend(),
            right.get_legend(),
        ]  # the legends lie over the lines

    return explorer(
        stage,
        {
            "model": choice(models, "model"),
            "batch": choice(batches, "batch"),
            "sparsity": sparsity_slider(0.7),
        },
        size=(9.6, 3.8),
        moving=("sparsity",),
        margins={"left": 0.07, "right": 0.98, "bottom": 0.14, "top": 0.97, "wspace": 0.26},
    )


def _at(x, y, value):
    """A measured curve between its points."""
    order = np.argsort(x)
    return float(np.interp(value, np.asarray(x)[order], np.asarray(y)[order]))


def _ms(milliseconds):
    return f"{milliseconds:,.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"

"""A figure that results join while they are made, and a form that makes them."""

import html

import ipywidgets
import pandas as pd
import seaborn as sns

from ... import plots, pocket, profiles
from ...conditions import CONDITIONS, UNPRUNED
from ...lab import experiment
from ...lab.store import COLUMNS as ROWS
from ...tasks import COLUMNS, NAMES, main_metric
from .base import WIDE, choice, picture_of, render


def live_curves(sources, task, size=(10.4, 4.6)):
    """A figure that new results join one by one: ``sweep(runs, on_result=box.add)``.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        As for `helpers.plots.curves`; those that lack the task are left out.
    task : str

    Returns
    -------
    ipywidgets.VBox
        With ``add(rows)``, ``restart(task)`` and ``rows``, the tidy rows added so far.
    """
    picture, readout = picture_of(size), ipywidgets.HTML()
    box = ipywidgets.VBox([picture, readout])

    def draw(figure):
        metric, ax = main_metric(box.task), figure.subplots()
        used = {name: rows for name, rows in sources.items() if box.task in set(rows.task)}
        conditions = [
            c for c in CONDITIONS if c in set(box.rows.condition) and c not in UNPRUNED
        ] or ["prune_pretrain"]
        plots.curves(used, metric, conditions, task=box.task, mine=box.rows, ax=ax)
        sns.move_legend(ax, "center left", bbox_to_anchor=(1, 0.5))  # the stars may be anywhere
        ax.set_xlim(-4, 100)
        scale, unit = (100, "%") if metric == "accuracy" else (1, "")
        own = box.rows[(box.rows.metric == metric) & (box.rows.task == box.task)]
        points = [
            f"{CONDITIONS[row.condition].label}{f' at {100 * row.sparsity:.0f}%' if row.sparsity else ''} <b>{scale * row.value:.{1 if unit else 3}f}{unit}</b>"
            for row in own.itertuples()
        ]
        return f"{plots.METRIC_LABEL[metric].split(' (')[0]} of your runs on {NAMES[box.task]}: {', '.join(points) or 'none yet'}."

    def show():
        picture.value, readout.value = render(size, draw)

    def add(rows):
        box.rows = pd.concat([box.rows, rows], ignore_index=True) if len(box.rows) else rows
        show()

    def restart(task):
        box.task, box.rows = (
            task,
            pd.DataFrame(columns=ROWS).astype({"sparsity": float, "value": float}),
        )
        show()

    box.add, box.restart, box.readout, box.picture = add, restart, readout, picture
    restart(task)
    return box


def experiment_form(profile, sources, store="runs", task=None, sparsities=(0.5, 0.8)):
    """Choose model, task, conditions, sparsities and seeds; a button runs the sweep, and the points join the figure.

    Parameters
    ----------
    profile : helpers.profiles.Profile
        What is not chosen in the form.
    sources : dict of str to pandas.DataFrame
        What to compare with, as for `helpers.plots.curves`.
    store : helpers.lab.store.RunStore or path
    task : str, optional
        Chosen at first; default the profile's first.
    sparsities : tuple of float
        Chosen at first.

    Returns
    -------
    ipywidgets.VBox
        With ``controls``, ``button``, ``figure`` (see `live_curves`; its ``rows`` are the results) and ``readout``.
    """
    tasks = pocket.TASKS if profile.fine_tuning.glue == profiles.POCKET else tuple(COLUMNS)
    pruned = [c for c in CONDITIONS if c not in UNPRUNED]
    tens = [
        (f"{n}%", n / 100)
        for n in sorted({*range(10, 100, 10), *(round(100 * s) for s in sparsities)})
    ]
    controls = {
        "model": ipywidgets.Text(
            profile.model, description="model", continuous_update=False, **WIDE
        ),
        "task": choice([(NAMES[t], t) for t in tasks], "task", task or profile.tasks[0]),
        "conditions": ipywidgets.SelectMultiple(
            options=[(CONDITIONS[c].label, c) for c in pruned],
            value=["prune_pretrain"],
            rows=4,
            description="conditions",
            **WIDE,
        ),
        "sparsities": ipywidgets.SelectMultiple(
            options=tens, value=list(sparsities), rows=5, description="sparsities", **WIDE
        ),
        "seeds": ipywidgets.BoundedIntText(1, min=1, max=10, description="seeds", **WIDE),
    }
    button = ipywidgets.Button(
        description="Run",
        button_style="primary",
        icon="play",
        layout=ipywidgets.Layout(margin="4px 0 4px 112px"),
    )
    readout, bars, figure = (
        ipywidgets.HTML(),
        ipywidgets.Output(),
        live_curves(sources, controls["task"].value),
    )

    def say(text):
        readout.value = f"<p>{html.escape(text)}</p>"

    def plan():
        chosen = {name: control.value for name, control in controls.items()}
        changed = profile.replace(pretraining={"model": chosen["model"].strip()})
        conditions = ("majority", "dense", *chosen["conditions"])
        return experiment.plan(
            conditions,
            chosen["sparsities"],
            [chosen["task"]],
            range(chosen["seeds"]),
            profile=changed,
        )

    def count(change=None):
        say(
            f"{len(plan())} runs on {NAMES[controls['task'].value]}, each made only if it is not in the store yet."
        )

    def start(_):
        button.disabled = True
        figure.restart(controls["task"].value)
        bars.clear_output()
        say(
            "Running; the points appear as they are ready. To stop, interrupt the kernel: what is finished is kept."
        )
        try:
            with bars:
                experiment.sweep(plan(), store, on_result=figure.add)
            say("Done. The rows are in .figure.rows of the form.")
        except KeyboardInterrupt:
            say("Stopped. Run goes on from here.")
        except (
            Exception
        ) as error:  # the learner may have typed any model: say what is wrong with it
            say(str(error))
        finally:
            button.disabled = False

    button.on_click(start)
    for control in controls.values():
        control.observe(count, names="value")
    count()
    box = ipywidgets.VBox([*controls.values(), button, readout, bars, figure])
    box.controls, box.button, box.figure, box.readout = controls, button, figure, readout
    return box

"""A figure that results join while they are made, and a form that makes them."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ipywidgets
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ... import plots, pocket, profiles
from ...conditions import CONDITIONS, UNPRUNED
from ...lab import experiment
from ...lab.runs import Run
from ...lab.store import COLUMNS as ROWS
from ...lab.store import RunStore
from ...own import from_words
from ...tasks import COLUMNS, Task, get, title, with_own
from ..layout import Column, wide
from .base import choice, picture_of, plain, printing_into, readout_of, render


class LiveFigure(Column):
    """A figure that new results join one by one: ``sweep(runs, on_result=figure.add)``.

    Parameters
    ----------
    draw : callable
        ``draw(figure, task, rows)`` draws into a new figure and returns the sentence, as HTML.
    task : str
    size : tuple of float
        Width and height in inches.

    Attributes
    ----------
    task : str
    rows : pandas.DataFrame
        The tidy rows added so far.
    picture : ipywidgets.Image
    readout : ipywidgets.HTML
        The sentence.
    """

    def __init__(
        self,
        draw: Callable[[Figure, str | Task, pd.DataFrame], str],
        task: str | Task,
        size: tuple[float, float] = (8.6, 4.4),
    ):
        self._draw, self._size = draw, size
        self.picture, self.readout = picture_of(size), readout_of(size)
        super().__init__([self.picture, self.readout])
        self.restart(task)

    def add(self, rows: pd.DataFrame) -> None:
        """Draw the figure again, with these tidy rows as well."""
        self.rows = pd.concat([self.rows, rows], ignore_index=True) if len(self.rows) else rows
        self._show()

    def restart(self, task: str | Task) -> None:
        """Forget all rows, and show this task."""
        empty = pd.DataFrame(columns=ROWS).astype({"sparsity": float, "value": float})
        self.task, self.rows = task, empty
        self._show()

    def _show(self):
        self.picture.value, self.readout.value = render(
            self._size, lambda figure: self._draw(figure, self.task, self.rows)
        )


def live_curves(
    sources: Mapping[str, pd.DataFrame], task: str | Task, size: tuple[float, float] = (8.6, 4.4)
) -> LiveFigure:
    """The task's metric against sparsity; your own results are stars.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        As for `helpers.plots.curves`; those that lack the task are left out.
    task : str or helpers.tasks.Task
    size : tuple of float
        Width and height in inches.
    """

    def draw(figure, task, rows):
        metric, task, ax = get(task).metrics[0], get(task).name, figure.subplots()
        used = {name: frame for name, frame in sources.items() if task in set(frame.task)}
        pruned = [c for c in CONDITIONS if c in set(rows.condition) and c not in UNPRUNED]
        plots.curves(used, metric, pruned or ["prune_pretrain"], task=task, mine=rows, ax=ax)
        # the stars may be anywhere
        sns.move_legend(ax, "center left", bbox_to_anchor=(1, 0.5))
        ax.set_xlim(-4, 100)
        own = rows[(rows.metric == metric) & (rows.task == task)]
        points = [_point(row, metric) for row in own.itertuples()]
        label = plots.METRIC_LABEL[metric].split(" (")[0]
        said = f"{label} of your runs on {title(task)}: {', '.join(points) or 'none yet'}."
        return said[0].upper() + said[1:]

    return LiveFigure(draw, task, size)


def _point(row, metric):
    """A result in words."""
    where = f" at {row.sparsity:.0%}" if row.sparsity else ""
    value = f"{row.value:.1%}" if metric == "accuracy" else f"{row.value:.3f}"
    return f"{CONDITIONS[row.condition].label}{where} <b>{value}</b>"


class ExperimentForm(Column):
    """Controls, and a button that carries out the runs they stand for; the results join a figure.

    Parameters
    ----------
    controls : dict of str to ipywidgets.Widget
    plan : callable
        ``plan(**values)`` gets the values of the controls and returns the runs.
    figure : LiveFigure
    store : helpers.lab.store.RunStore or path

    Attributes
    ----------
    controls : dict of str to ipywidgets.Widget
    button : ipywidgets.Button
    figure : LiveFigure
        Its ``rows`` are the results.
    readout : ipywidgets.HTML
        How many runs there are, and how they ended.
    """

    def __init__(
        self,
        controls: Mapping[str, ipywidgets.Widget],
        plan: Callable[..., list[Run]],
        figure: LiveFigure,
        store: RunStore | str | Path = "runs",
    ):
        self.controls, self.figure = controls, figure
        self._plan, self._store = plan, store
        self.button = ipywidgets.Button(
            description="Run",
            button_style="primary",
            icon="play",
            layout=ipywidgets.Layout(margin="4px 0 4px 112px"),
        )
        self.readout, self._bars = readout_of(), ipywidgets.Output()
        super().__init__([*controls.values(), self.button, self.readout, self._bars, figure])
        self.button.on_click(lambda _: self._run())
        for control in controls.values():
            control.observe(lambda _: self._count(), names="value")
        self._count()

    def _runs(self):
        return self._plan(**{name: control.value for name, control in self.controls.items()})

    def _say(self, text):
        self.readout.value = plain(text)

    def _count(self):
        try:
            runs = self._runs()
        except Exception as error:  # here nobody would see it: it would go to the server's log
            self._say(str(error))
        else:
            self._say(
                f"{len(runs)} runs on {title(runs[0].task)}. "
                "Those that are in the store are not made again."
            )

    def _run(self):
        self.button.disabled = True
        self._say(
            "Running. Points appear as they are ready. To stop, interrupt the kernel: "
            "what is finished is kept."
        )
        try:
            runs = self._runs()
            self.figure.restart(get(runs[0].task, runs[0].profile))
            self._bars.clear_output()
            with printing_into(self._bars):
                experiment.sweep(runs, self._store, on_result=self.figure.add)
            self._say("Done. The rows are in .figure.rows of the form.")
        except KeyboardInterrupt:
            self._say("Stopped. Run goes on from here.")
        except Exception as error:  # the reader may have typed any model: say what is wrong with it
            self._say(f"Not done. {error}")
        finally:
            self.button.disabled = False


def experiment_form(
    profile: profiles.Profile,
    sources: Mapping[str, pd.DataFrame],
    store: RunStore | str | Path = "runs",
    task: str | Task | None = None,
    sparsities: Sequence[float] = (0.5, 0.8),
) -> ExperimentForm:
    """Choose model, task, conditions, sparsities and seeds, and run the sweep.

    Parameters
    ----------
    profile : helpers.profiles.Profile
        What is not chosen in the form.
    sources : dict of str to pandas.DataFrame
        What to compare with, as for `helpers.plots.curves`.
    store : helpers.lab.store.RunStore or path
    task : str or helpers.tasks.Task, optional
        Chosen at first; default the profile's first. A file or data set of the reader's own goes
        into the field ``data``, described as on the command line.
    sparsities : sequence of float
        Chosen at first.
    """
    first = get(task or profile.tasks[0], profile)
    profile = with_own(profile, first)
    tasks = pocket.TASKS if profile.fine_tuning.glue == profiles.POCKET else tuple(COLUMNS)
    tasks = [*tasks, *(own.name for own in profile.own_tasks)]
    pruned = [(c.label, name) for name, c in CONDITIONS.items() if name not in UNPRUNED]
    sparsities = [round(float(s), 9) for s in sparsities]
    offered = sorted({*(n / 10 for n in range(1, 10)), *sparsities})
    controls = {
        "model": ipywidgets.Text(
            profile.model, description="model", continuous_update=False, **wide()
        ),
        "task": choice([(title(t), t) for t in tasks], "task", first.name),
        "data": ipywidgets.Text(
            placeholder="reviews.csv text=review label=stars",
            description="data",
            continuous_update=False,
            **wide(),
        ),
        "conditions": ipywidgets.SelectMultiple(
            options=pruned,
            value=["prune_pretrain"],
            rows=4,
            description="conditions",
            **wide(),
        ),
        "sparsities": ipywidgets.SelectMultiple(
            options=[(f"{100 * s:.3g}%", s) for s in offered],
            value=sparsities,
            rows=5,
            description="sparsities",
            **wide(),
        ),
        "seeds": ipywidgets.BoundedIntText(1, min=1, max=10, description="seeds", **wide()),
    }

    def plan(model, task, data, conditions, sparsities, seeds):
        chosen = profile.replace(pretraining={"model": model.strip()})
        conditions = ("majority", "dense", *conditions)
        task = from_words(shlex.split(data)) if data.strip() else task
        return experiment.plan(conditions, sparsities, [task], range(seeds), profile=chosen)

    return ExperimentForm(controls, plan, live_curves(sources, first), store)

"""Widgets: controls, a figure and a sentence that says what it shows.

Each function takes data and returns a widget. A change of a control draws once, into an image of fixed
size, so nothing flickers. The returned box carries its ``controls`` (by name) and its ``readout``.
"""

import copy
import dataclasses
import html
import io

import ipywidgets
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.figure import Figure

from . import analysis, data, experiment, plots, pocket, profiles
from .pruning import apply_masks, magnitude_mask, magnitude_masks, prunable_parameters, random_masks
from .schedule import cubic_sparsity
from .storage import EXACT

DPI = 80


def sparsity_slider(value=0.5, options=None, description="sparsity"):
    """A slider over sparsities, shown in percent."""
    options = options if options is not None else np.arange(0, 100) / 100
    options = [(f"{100 * s:.0f}%", float(s)) for s in options]
    nearest = min((s for _, s in options), key=lambda s: abs(s - value))
    return ipywidgets.SelectionSlider(options=options, value=nearest, description=description, continuous_update=True,
                                      layout=ipywidgets.Layout(width="420px"), style={"description_width": "110px"})


def explorer(draw, controls, size=(8.6, 3.4)):
    """Controls above a figure and its sentence.

    Parameters
    ----------
    draw : callable
        ``draw(figure, **values)`` draws into a new figure and returns the sentence; with no figure wanted
        (`size` None) it is ``draw(**values)`` and returns HTML.
    controls : dict of str to ipywidgets.Widget
    size : tuple of float, or None
        Inches.

    Returns
    -------
    ipywidgets.VBox
    """
    readout = ipywidgets.HTML()
    picture = _picture(size) if size else None

    def update(change=None):
        values = {name: control.value for name, control in controls.items()}
        if size is None:
            readout.value = draw(**values)
            return
        picture.value, sentence = _draw(size, lambda figure: draw(figure, **values))
        readout.value = f"<p>{sentence}</p>"

    for control in controls.values():
        control.observe(update, names="value")
    update()
    box = ipywidgets.VBox([*controls.values(), *([picture] if picture else []), readout])
    box.controls, box.readout, box.picture = controls, readout, picture
    return box


def _picture(size):
    return ipywidgets.Image(format="png", layout=ipywidgets.Layout(width=f"{size[0] * DPI:.0f}px", height=f"{size[1] * DPI:.0f}px"))


def _draw(size, draw):
    """A new figure as PNG, and what `draw(figure)` says of it."""
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    sentence = draw(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches=None)
    return buffer.getvalue(), sentence


def _choice(options, description, value=None):
    return ipywidgets.Dropdown(options=options, value=value if value is not None else (options[0][1] if isinstance(options[0], tuple) else options[0]),
                               description=description, layout=ipywidgets.Layout(width="420px"), style={"description_width": "110px"})


def threshold_explorer(weights):
    """Slide the sparsity: the histogram of |w| with the threshold, and the mask.

    Parameters
    ----------
    weights : dict of str to torch.Tensor
        For example from `helpers.pruning.prunable_parameters`.
    """
    weights = {name: weight.detach() for name, weight in weights.items()}
    # sorted once, so that a movement of the slider only looks up
    ordered = {name: weight.abs().flatten().sort().values for name, weight in weights.items()}
    energy = {name: values.double().square().cumsum(0) for name, values in ordered.items()}
    names = list(zip(plots.matrix_names(weights), weights))

    def draw(figure, matrix, sparsity):
        weight, values = weights[matrix], ordered[matrix]
        count = round(len(values) * sparsity)
        threshold = float(values[count - 1]) if count else 0.0
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
        plots.weight_histogram(weight, threshold, left)
        plots.mask_image(magnitude_mask(weight, sparsity), right)
        kept = 1 - float(energy[matrix][count - 1] / energy[matrix][-1]) if count else 1.0
        return (f"The threshold is <b>{threshold:.4f}</b>: {count:,} of {len(values):,} weights are pruned, {len(values) - count:,} kept. "
                f"The kept ones carry <b>{100 * kept:.1f}%</b> of the squared norm.")

    return explorer(draw, {"matrix": _choice(names, "matrix"), "sparsity": sparsity_slider(0.5)})


def schedule_explorer(steps=1000):
    """Change the cubic schedule and see it beside one-shot and linear pruning."""
    slider = lambda value, name, top: ipywidgets.IntSlider(value, 0, top, step=top // 50, description=name, style={"description_width": "110px"},
                                                           layout=ipywidgets.Layout(width="420px"))

    def draw(figure, final, initial, begin, end):
        if end < begin:
            end = begin
        if initial > final:
            initial = final
        x = np.arange(steps + 1)
        cubic = [cubic_sparsity(int(t), begin=begin, end=end, initial=initial, final=final) for t in x]
        linear = np.interp(x, [begin, max(end, begin + 1)], [initial, final])
        ax = figure.subplots()
        plots.schedule_lines({"cubic (Zhu & Gupta)": (x, cubic), "linear": (x, linear), "one shot": (x, np.where(x >= begin, final, 0))}, ax)
        ax.set_xlim(0, steps)
        half = begin + (end - begin) // 2
        done = (cubic_sparsity(half, begin=begin, end=end, initial=initial, final=final) - initial) / max(final - initial, 1e-9)
        return f"Half-way through its ramp, at step {half}, the cubic schedule has done <b>{100 * done:.0f}%</b> of its pruning."

    return explorer(draw, {"final": sparsity_slider(0.8, description="final sparsity"), "initial": sparsity_slider(0.0, description="initial sparsity"),
                           "begin": slider(0, "first step", steps), "end": slider(steps // 2, "last step", steps)})


@torch.no_grad()
def top_words(model, tokenizer, sentence, count=5):
    """The most probable words for the first [MASK] of a sentence.

    Returns
    -------
    list of (str, float)
        Word and probability.

    Raises
    ------
    ValueError
        If the sentence has no [MASK].
    """
    batch = tokenizer(sentence, return_tensors="pt", truncation=True, max_length=model.config.max_position_embeddings)
    where = (batch["input_ids"][0] == tokenizer.mask_token_id).nonzero().flatten()
    if not len(where):
        raise ValueError(f"the sentence {sentence!r} holds no {tokenizer.mask_token}; write it where a word should be guessed")
    probabilities = model.eval()(**batch).logits[0, where[0]].softmax(-1)
    best = probabilities.topk(count)
    return [(tokenizer.convert_ids_to_tokens(int(i)), float(p)) for p, i in zip(best.values, best.indices)]


def bert_forgets(model, tokenizer, sentence):
    """Type a sentence with [MASK], slide the sparsity, and read what the pruned model fills in.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        With an MLM head; it is not changed.
    tokenizer : transformers.PreTrainedTokenizer
    sentence : str
        What the text field holds at first.
    """
    groups = {
        "all matrices": lambda name: True, "attention only": lambda name: "attention" in name,
        "feed-forward only": lambda name: any(part in name for part in ("intermediate", "output", "ffn")) and "attention" not in name,
        "word embeddings only": lambda name: "word_embeddings" in name,
    }
    pruned = copy.deepcopy(model).eval()
    text = ipywidgets.Text(sentence, description="sentence", continuous_update=False, layout=ipywidgets.Layout(width="600px"),
                           style={"description_width": "110px"})

    @torch.no_grad()
    def draw(sentence, group, method, sparsity):
        for target, source in zip(pruned.parameters(), model.parameters()):
            target.copy_(source)
        masks = magnitude_masks(model, sparsity) if method == "magnitude" else random_masks(model, sparsity, torch.Generator().manual_seed(0))
        apply_masks(pruned, {name: mask for name, mask in masks.items() if groups[group](name)})
        try:
            dense, after = top_words(model, tokenizer, sentence), top_words(pruned, tokenizer, sentence)
        except ValueError as error:
            return f"<p>{error}</p>"
        unknown = [word for word in sentence.split() if tokenizer.unk_token in tokenizer.tokenize(word)]
        rows = "".join(
            f"<tr><td>{w}</td><td style='text-align:right'>{100 * p:.1f}%</td><td style='padding-left:2em'><b>{v}</b></td>"
            f"<td style='text-align:right'>{100 * q:.1f}%</td><td><div style='background:#0173b2;height:10px;width:{150 * q:.0f}px'></div></td></tr>"
            for (w, p), (v, q) in zip(dense, after))
        note = f"<p>The model has never seen: {', '.join(unknown)}</p>" if unknown else ""
        return (f"<table style='min-height:150px;line-height:1.4'><tr><th colspan=2>dense</th><th colspan=3 style='padding-left:2em'>pruned to {100 * sparsity:.0f}%</th></tr>"
                f"{rows}</table>{note}")

    return explorer(draw, {"sentence": text, "group": _choice(list(groups), "prune"), "method": _choice(["magnitude", "random"], "by"),
                           "sparsity": sparsity_slider(0.0)}, size=None)


def results_explorer(sources, mine=None):
    """Choose metric, task and conditions; see the curves of all sources.

    Parameters
    ----------
    sources : dict of str to pandas.DataFrame
        As for `helpers.plots.curves`.
    mine : pandas.DataFrame, optional
    """
    first = next(iter(sources.values()))
    tasks = [("mean over tasks", "")] + [(plots.NAMES[task], task) for task in first.task.unique()]
    metrics = [(plots.METRIC_LABEL[m], m) for m in ("accuracy", "train_loss", "mlm_loss")]
    conditions = [(plots.CONDITION_STYLE[c][2], c) for c in ("prune_pretrain", "info_deletion", "prune_downstream", "random")]
    chosen = ipywidgets.SelectMultiple(options=conditions, value=[c for _, c in conditions], rows=4, description="conditions",
                                       style={"description_width": "110px"}, layout=ipywidgets.Layout(width="420px"))
    shown = _choice([("all sources", "")] + [(name, name) for name in sources], "source")
    relative = ipywidgets.Checkbox(False, description="show the difference from dense", layout=ipywidgets.Layout(width="420px"))

    def draw(figure, metric, task, source, conditions, relative):
        ax = figure.subplots()
        used = {name: rows for name, rows in sources.items() if source in ("", name)}
        plots.curves(used, metric, conditions, task=task or None, relative=relative, mine=None if relative else mine, ax=ax)
        rows = next(iter(used.values()))
        values = analysis.task_mean(rows[rows.task == task] if task else rows, metric)
        scale, unit = (100, "%") if metric == "accuracy" else (1, " nats")
        parts = []
        for condition in conditions:
            line = values[values.condition == condition].groupby("sparsity")["value"].mean()
            if len(line):
                parts.append(f"{plots.CONDITION_STYLE[condition][2]} {scale * line.iloc[0]:.1f}{unit} at {100 * line.index[0]:.0f}% and {scale * line.iloc[-1]:.1f}{unit} at {100 * line.index[-1]:.0f}%")
        return f"{next(iter(used))}: " + "; ".join(parts) + "."

    return explorer(draw, {"metric": _choice(metrics, "metric"), "task": _choice(tasks, "task"), "source": shown, "conditions": chosen,
                           "relative": relative}, size=(8.6, 4.6))


def mask_overlap(before, after):
    """Slide the sparsity: how far the masks of two models differ, matrix by matrix.

    Parameters
    ----------
    before, after : torch.nn.Module
        Two models of one architecture, such as BERT before and after fine-tuning.
    """
    first, second = prunable_parameters(before), prunable_parameters(after)
    ranks = [{name: _ranks(w) for name, w in weights.items()} for weights in (first, second)]
    labels = plots.matrix_names(first)

    def draw(figure, sparsity):
        a, b = ({name: rank >= sparsity for name, rank in r.items()} for r in ranks)
        table = analysis.mask_difference_by_matrix(a, b)
        ax = figure.subplots()
        ax.barh(labels, 100 * table.difference, color=plots.CONDITION_STYLE["prune_pretrain"][0])
        expected = 100 * analysis.expected_difference(sparsity)
        ax.axvline(expected, color="0.4", linestyle="--")
        ax.annotate("independent masks ", (expected, 0.02), xycoords=("data", "axes fraction"), rotation=90, ha="right", fontsize=8)
        ax.set_xlim(0, 55)
        ax.invert_yaxis()
        ax.tick_params(axis="y", labelsize=8)
        ax.set_xlabel("entries in which the masks differ (%)")
        total = np.average(table.difference, weights=[m.numel() for m in a.values()])
        return f"At {100 * sparsity:.0f}% sparsity the masks differ in <b>{100 * total:.2f}%</b> of all entries; independent masks would differ in {expected:.1f}%."

    return explorer(draw, {"sparsity": sparsity_slider(0.6)}, size=(8.6, 4.2))


def _ranks(weight):
    """Each entry's place in the order of magnitudes, as a fraction in [0, 1)."""
    order = weight.detach().abs().flatten().argsort(stable=True)
    ranks = torch.empty(len(order))
    ranks[order] = torch.arange(len(order)) / len(order)
    return ranks.view(weight.shape)


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
    picture, readout = _picture(size), ipywidgets.HTML()
    box = ipywidgets.VBox([picture, readout])

    def draw(figure):
        metric, ax = data.main_metric(box.task), figure.subplots()
        used = {name: rows for name, rows in sources.items() if box.task in set(rows.task)}
        conditions = [c for c in plots.CONDITION_STYLE if c in set(box.rows.condition) and c not in experiment.UNPRUNED] or ["prune_pretrain"]
        plots.curves(used, metric, conditions, task=box.task, mine=box.rows, ax=ax)
        sns.move_legend(ax, "center left", bbox_to_anchor=(1, 0.5))  # the stars may be anywhere
        ax.set_xlim(-4, 100)
        scale, unit = (100, "%") if metric == "accuracy" else (1, "")
        own = box.rows[(box.rows.metric == metric) & (box.rows.task == box.task)]
        points = [f"{plots.CONDITION_STYLE[row.condition][2]}{f' at {100 * row.sparsity:.0f}%' if row.sparsity else ''} <b>{scale * row.value:.{1 if unit else 3}f}{unit}</b>"
                  for row in own.itertuples()]
        return f"{plots.METRIC_LABEL[metric].split(' (')[0]} of your runs on {plots.NAMES[box.task]}: {', '.join(points) or 'none yet'}."

    def show():
        picture.value, sentence = _draw(size, draw)
        readout.value = f"<p style='max-width:{size[0] * DPI:.0f}px; line-height:1.4'>{sentence}</p>"

    def add(rows):
        box.rows = pd.concat([box.rows, rows], ignore_index=True) if len(box.rows) else rows
        show()

    def restart(task):
        box.task, box.rows = task, pd.DataFrame(columns=experiment.COLUMNS).astype({"sparsity": float, "value": float})
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
    store : helpers.experiment.RunStore or path
    task : str, optional
        Chosen at first; default the profile's first.
    sparsities : tuple of float
        Chosen at first.

    Returns
    -------
    ipywidgets.VBox
        With ``controls``, ``button``, ``figure`` (see `live_curves`; its ``rows`` are the results) and ``readout``.
    """
    wide = dict(layout=ipywidgets.Layout(width="420px"), style={"description_width": "110px"})
    tasks = pocket.TASKS if profile.glue == profiles.POCKET else tuple(data.COLUMNS)
    pruned = [c for c in plots.CONDITION_STYLE if c not in experiment.UNPRUNED]
    tens = [(f"{n}%", n / 100) for n in sorted({*range(10, 100, 10), *(round(100 * s) for s in sparsities)})]
    controls = {
        "model": ipywidgets.Text(profile.model, description="model", continuous_update=False, **wide),
        "task": _choice([(plots.NAMES[t], t) for t in tasks], "task", task or profile.tasks[0]),
        "conditions": ipywidgets.SelectMultiple(options=[(plots.CONDITION_STYLE[c][2], c) for c in pruned], value=["prune_pretrain"], rows=4, description="conditions", **wide),
        "sparsities": ipywidgets.SelectMultiple(options=tens, value=list(sparsities), rows=5, description="sparsities", **wide),
        "seeds": ipywidgets.BoundedIntText(1, min=1, max=10, description="seeds", **wide),
    }
    button = ipywidgets.Button(description="Run", button_style="primary", icon="play", layout=ipywidgets.Layout(margin="4px 0 4px 112px"))
    readout, bars, figure = ipywidgets.HTML(), ipywidgets.Output(), live_curves(sources, controls["task"].value)

    def say(text):
        readout.value = f"<p>{html.escape(text)}</p>"

    def plan():
        chosen = {name: control.value for name, control in controls.items()}
        changed = dataclasses.replace(profile, model=chosen["model"].strip())
        conditions = ("majority", "dense", *chosen["conditions"])
        return experiment.plan(conditions, chosen["sparsities"], [chosen["task"]], range(chosen["seeds"]), profile=changed)

    def count(change=None):
        say(f"{len(plan())} runs, each made only if it is not in the store yet.")

    def start(_):
        button.disabled = True
        figure.restart(controls["task"].value)
        bars.clear_output()
        say("Running; the points appear as they are ready. To stop, interrupt the kernel: what is finished is kept.")
        try:
            with bars:
                experiment.sweep(plan(), store, on_result=figure.add)
            say("Done. The rows are in .figure.rows of the form.")
        except KeyboardInterrupt:
            say("Stopped. Run goes on from here.")
        except Exception as error:  # the learner may have typed any model: say what is wrong with it
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


def cost_calculator(sizes, times):
    """Slide the sparsity: what a model then weighs in each format, and how long each engine takes.

    Parameters
    ----------
    sizes : pandas.DataFrame
        Columns ``model``, ``format``, ``sparsity``, ``bytes``, such as ``helpers.speed.shipped("bytes")``.
    times : pandas.DataFrame
        From `helpers.speed.engine_times`, or ``helpers.speed.shipped("milliseconds")``.
    """
    models = [model for model in sizes.model.unique() if model in set(times.model)]
    batches = [(f"{batch} sentence{'s' if batch > 1 else ''} at once", int(batch)) for batch in sorted(times.batch.unique())]

    def draw(figure, model, batch, sparsity):
        size, time = sizes[sizes.model == model], times[(times.model == model) & (times.batch == batch)]
        left, right = figure.subplots(1, 2)
        plots.format_sizes(size, left)
        plots.engine_times(time, batch, right)
        for ax in (left, right):
            ax.axvline(100 * sparsity, color="black", linewidth=1)
            ax.set_xlim(0, 100)
            ax.legend(fontsize=7)
        here = {form: _at(line.sparsity, line["bytes"], sparsity) for form, line in size.groupby("format")}
        exact = min((form for form in here if form in EXACT), key=here.get)
        sentence = (f"{model} at {100 * sparsity:.0f}%: dense {here['dense'] / 1e6:.3g} MB. Smallest file that gives every weight back: "
                    f"<b>{plots.FORMAT_STYLE[exact][2]}, {here[exact] / 1e6:.3g} MB</b> ({here['dense'] / here[exact]:.1f} times smaller); "
                    f"int8, rounded and not pruned, {here['int8'] / 1e6:.3g} MB. ")
        if not time.sparsity.min() <= sparsity <= time.sparsity.max():
            return sentence + f"Times were measured from {100 * time.sparsity.min():.0f}% to {100 * time.sparsity.max():.0f}% only."
        here = {engine: _at(line.sparsity, line.ms, sparsity) for engine, line in time.groupby("engine")}
        fastest = min(here, key=here.get)
        return sentence + (f"Dense takes {here['dense']:.3g} ms, CSR {here['CSR']:.3g} ms; fastest: <b>{plots.ENGINE_STYLE[fastest][2]}, {here[fastest]:.3g} ms</b>.")

    return explorer(draw, {"model": _choice(models, "model"), "batch": _choice(batches, "batch"), "sparsity": sparsity_slider(0.7)}, size=(9.6, 3.8))


def _at(x, y, value):
    """A measured curve between its points."""
    order = np.argsort(x)
    return float(np.interp(value, np.asarray(x)[order], np.asarray(y)[order]))

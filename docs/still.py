"""A notebook's widgets in HTML, for pages without a kernel.

Explorers, predictions and `bert_forgets` live on the page; the scripts of `_static` move them. What
cannot live there stands as it stood when the notebook was saved.
"""

import html
import json
from collections.abc import Callable

import nbformat

from helpers.lesson.page import MIME, OUTCOME

VIEW, STATE = (
    "application/vnd.jupyter.widget-view+json",
    "application/vnd.jupyter.widget-state+json",
)
PREDICT = "<b>Predict first.</b>"  # as helpers.lesson.predictions puts it
# What to do instead, by what a cell calls
NOTES = {
    "experiment_form(": (
        "This form trains models, so it needs a kernel: open the notebook with "
        "<code>make lab</code>, or start the same runs in a shell; "
        "<code>python -m helpers.lab run --help</code> says how."
    ),
    "live_curves(": (
        "The last run left this figure so: open the notebook with <code>make lab</code>, and it "
        "grows while your runs finish."
    ),
    "": "This one needs a kernel: open the notebook with <code>make lab</code> to move it.",
}
RICH = ("text/html", "image/png", "image/svg+xml", "text/markdown")


def widget_state(notebook: nbformat.NotebookNode) -> dict:
    """The models of a notebook's widgets, by their id, as they were saved."""
    return notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})


def still(
    notebook: nbformat.NotebookNode,
    keep: Callable[[str], str] | None = None,
    shipped: Callable[[str], str | None] = lambda source: None,
) -> nbformat.NotebookNode:
    """Replace each widget in the outputs of a notebook, in place, and drop the widgets' state.

    A widget with another rich form beside it is shown in that form. Progress bars are left out:
    nothing is in progress any more.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    keep : callable, optional
        Takes an explorer as `helpers.lesson.widgets.page.packed` gives it, keeps it where the page
        finds it, and returns its name. Without it explorers stand still.
    shipped : callable, optional
        Takes the source of a cell whose output holds no packed explorer; returns one that is made
        of what ships with the course, or None.

    Returns
    -------
    nbformat.NotebookNode
        The same notebook.
    """
    state = widget_state(notebook)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            view, packed = data.pop(VIEW, None), data.pop(MIME, None)
            if outcome := data.pop(OUTCOME, None):
                told = html.escape(json.dumps(outcome))
                data["text/html"] = f'<p class="outcome" data-outcome="{told}"></p>'
            if view and not any(kind in data for kind in RICH):
                page = _page(view["model_id"], state, cell.source, packed, keep, shipped)
                output.data = {"text/html": page} if page else {}
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]
    return notebook


def _page(model, state, source, packed, keep, shipped):
    """HTML of a widget, alive if it can be."""
    parts = [
        state[child.removeprefix("IPY_MODEL_")]
        for child in state.get(model, {"state": {}})["state"].get("children", [])
    ]
    words = [part["state"].get("value") for part in parts]
    if words and str(words[0]).startswith(PREDICT):
        return prediction(words[0], parts[1])
    if "bert_forgets(" in source and parts:
        return forgets(words[0])
    shown = _shown(model, state)
    packed = packed or (shown and shipped(source))
    if packed and keep:
        return f'<div class="explorer" data-explorer="{keep(packed)}">{shown}</div>'
    note = next((note for call, note in NOTES.items() if call in source))
    return f'<div class="still">{shown}<p class="still-note">{note}</p></div>' if shown else ""


def forgets(sentence: str) -> str:
    """HTML of BERT forgets, with what its text field holds at first."""
    return (
        f'<div class="forgets" data-sentence="{html.escape(sentence)}">'
        "<p>Here the pocket BERT guesses words, if scripts may run.</p></div>"
    )


def prediction(question: str, control: dict) -> str:
    """HTML of a question and of the saved control that takes the answer."""
    values, plain = control["state"], question.removeprefix(PREDICT).strip()
    asked, unit = html.escape(plain), ""
    if control["model_name"] == "RadioButtonsModel":
        answer = "".join(
            f'<label class="tick"><input type="radio" name="answer" value="{html.escape(label)}"> '
            f"{html.escape(label)}</label>"
            for label in values["_options_labels"]
        )
        answer = f"<fieldset><legend>prediction</legend>{answer}</fieldset>"
    else:
        unit = values["description"].removeprefix("prediction").strip(" ()")
        low, high, step = (f"{values.get(end, 1):g}" for end in ("min", "max", "step"))
        space = "" if unit in ("", "%") else " "
        answer = (
            f'<label class="control"><span>prediction</span><input type="range" min="{low}" '
            f'max="{high}" step="{step}" value="{low}"><output>{low}{space}{unit}</output></label>'
        )
    return (
        f'<form class="prediction" data-question="{asked}" data-unit="{unit}"><p>{question}</p>'
        f'{answer}<button type="submit">Commit</button>'
        '<p class="said" aria-live="polite">Not committed yet.</p></form>'
    )


def _shown(model, state):
    """HTML of a widget and of what it holds; empty where there is nothing to show.

    That is so for a progress bar.
    """
    model = model.removeprefix("IPY_MODEL_")
    if model not in state:
        return ""
    kind, values = state[model]["model_name"], state[model]["state"]
    children = values.get("children", [])
    inside = [state[child.removeprefix("IPY_MODEL_")]["model_name"] for child in children]
    if any("Progress" in name for name in inside):
        return ""
    if children:
        return "".join(_shown(child, state) for child in children)
    if kind == "HTMLModel":
        return f"<div>{values['value']}</div>" if values.get("value") else ""
    if kind == "ImageModel":
        buffers = state[model].get("buffers", [])
        picture = next((buffer["data"] for buffer in buffers if buffer["path"] == ["value"]), None)
        if not picture:
            return ""
        source = f"data:image/{values.get('format', 'png')};base64,{picture.strip()}"
        return f'<img src="{source}" alt="the figure of the widget">'
    if kind == "ButtonModel" or "description" not in values:
        return ""
    labels = values.get("_options_labels")
    # a choice that nobody has made yet: all there is to choose from
    if labels and values.get("index") is None:
        return "<ul>" + "".join(f"<li>{html.escape(label)}</li>" for label in labels) + "</ul>"
    if labels:
        chosen = values["index"] if isinstance(values["index"], list) else [values["index"]]
        value = ", ".join(labels[number] for number in chosen)
    else:
        value = values.get("value", "")
    if value == "":
        return ""
    return f"<p>{html.escape(values['description'])}: <b>{html.escape(str(value))}</b></p>"

"""Widgets as they stood when the notebook was saved, in plain HTML, for pages without a kernel."""

import html

import nbformat

VIEW, STATE = (
    "application/vnd.jupyter.widget-view+json",
    "application/vnd.jupyter.widget-state+json",
)
RICH = ("text/html", "image/png", "image/svg+xml", "text/markdown")


def widget_state(notebook: nbformat.NotebookNode) -> dict:
    """The models of a notebook's widgets, by their id, as they were saved."""
    return notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})


def still(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Replace each widget in the outputs of a notebook, in place, and drop the widgets' state.

    A widget with another rich form beside it is shown in that form. Otherwise its pictures and its
    text are shown, and each control by its name and value. Progress bars are left out: nothing is
    in progress any more.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    nbformat.NotebookNode
        The same notebook.
    """
    state = widget_state(notebook)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).pop(VIEW, None)
            if view and not any(kind in output.data for kind in RICH):
                shown = _shown(view["model_id"], state)
                note = "A widget: it answers in Jupyter, here it is a picture."
                page = f'<div class="still">{shown}<p class="still-note">{note}</p></div>'
                output.data = {"text/html": page} if shown else {}
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]
    return notebook


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
    return f"<p>{html.escape(values['description'])}: <b>{html.escape(str(value))}</b></p>"

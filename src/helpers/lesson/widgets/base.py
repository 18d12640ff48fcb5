"""Widgets: controls, a figure and a sentence that says what it shows.

Each function takes data and returns a widget. A change of a control draws once, into an image of fixed
size, so nothing flickers. The returned box carries its ``controls`` (by name) and its ``readout``.
"""

import io

import ipywidgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

DPI = 80
LEVELS = tuple(np.arange(100) / 100)  # the sparsities that a slider reaches


WIDE = {"layout": ipywidgets.Layout(width="420px"), "style": {"description_width": "110px"}}


def sparsity_slider(value=0.5, options=LEVELS, description="sparsity"):
    """A slider over sparsities, shown in percent."""
    options = [(f"{100 * s:.0f}%", float(s)) for s in options]
    nearest = min((s for _, s in options), key=lambda s: abs(s - value))
    return ipywidgets.SelectionSlider(
        options=options, value=nearest, description=description, continuous_update=True, **WIDE
    )


def choice(options, description, value=None):
    """A menu of names, or of (name, value) pairs."""
    first = options[0][1] if isinstance(options[0], tuple) else options[0]
    return ipywidgets.Dropdown(
        options=options, value=first if value is None else value, description=description, **WIDE
    )


def explorer(stage, controls, size=(8.6, 3.4), moving=(), margins=None):
    """Controls above a figure and its sentence.

    What a slider moves is drawn over a kept picture of all the rest, axes and labels among it, which take most of the time.

    Parameters
    ----------
    stage : callable
        ``stage(figure, **values)``, with the values of the controls that are not `moving`, draws into a new figure and
        returns ``move, artists``: ``move(**values)``, with the values of the moving ones, changes the artists and
        returns the sentence. With no figure wanted (`size` None) it is ``stage(**values)`` and returns HTML.
    controls : dict of str to ipywidgets.Widget
    size : tuple of float, or None
        Inches.
    moving : tuple of str
        The controls that change only `artists`.
    margins : dict, optional
        Where the axes are, for `matplotlib.figure.Figure.subplots_adjust`. Default: a layout is looked for, which takes
        as long as a drawing.

    Returns
    -------
    ipywidgets.VBox
    """
    width = size[0] * DPI if size else 700
    readout = ipywidgets.HTML(layout=ipywidgets.Layout(width=f"{width:.0f}px", min_height="72px"))
    picture = picture_of(size) if size else None
    kept = {}

    def update(change=None):
        values = {name: control.value for name, control in controls.items()}
        if size is None:
            readout.value = stage(**values)
            return
        moved = {name: values.pop(name) for name in moving}
        here = tuple(values.values())
        if here in kept:
            kept[here] = kept.pop(here)  # the last one used comes last
        else:
            figure = Figure(figsize=size, dpi=DPI, layout=None if margins else "constrained")
            if margins:
                figure.subplots_adjust(**margins)
            canvas = FigureCanvasAgg(figure)
            move, artists = stage(figure, **values)
            for artist in artists:
                artist.set_animated(True)  # left out when the rest is drawn
            move(**moved)
            canvas.draw()
            kept[here] = canvas, canvas.copy_from_bbox(figure.bbox), move, artists
            if len(kept) > 12:  # some 2 MB each
                del kept[next(iter(kept))]
        canvas, rest, move, artists = kept[here]
        canvas.restore_region(rest)
        sentence = move(**moved)
        for artist in artists:
            artist.axes.draw_artist(artist)
        picture.value, readout.value = _png(canvas), _paragraph(sentence, size)

    for control in controls.values():
        control.observe(update, names="value")
    update()
    box = ipywidgets.VBox([*controls.values(), *([picture] if picture else []), readout])
    box.controls, box.readout, box.picture = controls, readout, picture
    return box


def picture_of(size):
    """An image widget of fixed size (inches), so that nothing flickers."""
    return ipywidgets.Image(
        format="png",
        layout=ipywidgets.Layout(width=f"{size[0] * DPI:.0f}px", height=f"{size[1] * DPI:.0f}px"),
    )


def render(size, draw):
    """A new figure as PNG, and as HTML what `draw(figure)` says of it."""
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    sentence = draw(figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return _png(canvas), _paragraph(sentence, size)


def _png(canvas):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(
        buffer, "png", compress_level=1
    )  # it goes to this machine's browser
    return buffer.getvalue()


def _paragraph(sentence, size):
    return f"<p style='max-width:{size[0] * DPI:.0f}px; line-height:1.4'>{sentence}</p>"

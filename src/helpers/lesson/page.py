"""What pages without a kernel need: an explorer's drawings at some positions of its controls.

``tools.notebooks`` wishes for them by an environment variable. Then each explorer's output also
holds `states`, under a type of its own, and the book plays them (``docs/_static/explorers.js``);
and where a prediction meets its outcome, both and the figure's scale are noted.
"""

import base64
import gzip
import io
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ipywidgets
import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure

MIME = "application/vnd.course.explorer+json"
OUTCOME = "application/vnd.course.outcome+json"  # what came of a prediction
WISH = "COURSE_PAGES"  # an environment variable: set where pages will be made
STOPS = 10  # about so many positions of a slider are drawn, unless the explorer says which


def wished() -> bool:
    """Whether outputs are to hold what a page without a kernel needs."""
    return bool(os.environ.get(WISH))


def packed(value: Any) -> str:
    """JSON, compressed, in base64: text that a page unpacks."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def thinned(values: Sequence, start: Any, stops: int = STOPS) -> list:
    """Some of many values in order: evenly spaced ones, the last one, and where it starts.

    Parameters
    ----------
    values : sequence
    start : object
        One of the values.
    stops : int
        About how many to take.

    Returns
    -------
    list
    """
    step = -(-len(values) // stops)
    chosen = {*range(0, len(values), step), len(values) - 1, list(values).index(start)}
    return [values[place] for place in sorted(chosen)]


def described(name: str, control: ipywidgets.Widget, values: Sequence) -> dict:
    """A control on a page: name, kind, label, the words for its values, where it starts."""
    slider = isinstance(control, (ipywidgets.SelectionSlider, ipywidgets.IntSlider))
    words = [str(value) for value in values]
    if hasattr(control, "options"):
        pairs = [
            option if isinstance(option, tuple) else (option, option) for option in control.options
        ]
        words = [str(label) for value in values for label, other in pairs if other == value]
    elif isinstance(control.value, bool):
        words = ["no", "yes"]
    return {
        "name": name,
        "kind": "slider" if slider else "menu",
        "label": control.description,
        "words": words,
        "start": list(values).index(control.value),
    }


def states(explorer, positions: Mapping[str, Sequence], offered) -> dict:
    """All that a page needs to play an explorer.

    Parameters
    ----------
    explorer : helpers.lesson.widgets.Explorer
    positions : dict of str to sequence
        The values of a control that are drawn; of those left out `thinned` ones.
    offered : callable
        Control → the values that it can take.

    Returns
    -------
    dict
        ``controls`` (`described`), ``moving`` (the names of those that leave the scene as it is),
        ``width`` and ``height`` (points), ``rest`` and ``states``: SVG by the places of the
        controls, with commas; a state is its drawing and its sentence.
    """
    values = {}
    for name, control in explorer.controls.items():
        every = offered(control)
        many = len(every) > 2 * STOPS and not isinstance(control, ipywidgets.Dropdown)
        values[name] = list(positions.get(name, thinned(every, control.value) if many else every))
    still = [name for name in values if name not in explorer.moving]
    made = {
        "controls": [described(n, explorer.controls[n], values[n]) for n in values],
        "moving": list(explorer.moving),
        "rest": {},
        "states": {},
    }
    for places in itertools.product(*(range(len(values[name])) for name in still)):
        scene = explorer.scene(**{n: values[n][place] for n, place in zip(still, places)})
        figure = settled(scene.figure)
        made["width"], made["height"] = (72 * inches for inches in figure.get_size_inches())
        at = dict(zip(still, places))
        for moved in itertools.product(*(range(len(values[name])) for name in explorer.moving)):
            at |= dict(zip(explorer.moving, moved))
            sentence = scene.move(**{n: values[n][at[n]] for n in explorer.moving})
            key = ",".join(str(at[name]) for name in values)
            made["states"][key] = [svg(figure, scene.artists), sentence]
        # last: the room that the layout finds does not depend on what moves
        rest = [part for part in figure.get_children() if part is not figure.patch]  # the ground
        for artist in scene.artists:
            artist.set_visible(False)
        made["rest"][",".join(map(str, places))] = svg(figure, rest)
        for artist in scene.artists:
            artist.set_visible(True)
    return made


def settled(figure: Figure) -> Figure:
    """The figure with its layout found once, in points, as an SVG has them."""
    figure.dpi = 72
    figure.canvas.draw()
    figure.set_layout_engine("none")
    return figure


def svg(figure: Figure, artists: Iterable[Artist]) -> str:
    """These artists of a figure as the inside of an SVG, whose unit is a point."""
    buffer, (width, height) = io.StringIO(), (72 * inches for inches in figure.get_size_inches())
    with mpl.rc_context({"svg.hashsalt": "page", "svg.fonttype": "path"}):
        renderer = RendererSVG(width, height, buffer, image_dpi=72, metadata={"Date": None})
        for artist in sorted(artists, key=lambda artist: artist.get_zorder()):
            artist.draw(renderer)
        renderer.finalize()
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index(">", drawing.index("<svg")) + 1 : drawing.rindex("</svg>")]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    # a hundredth of a point is finer than any eye; what is below 1 may be a scale
    drawing = re.sub(r"\b([1-9]\d*\.\d{2})\d+", r"\1", drawing)
    return re.sub(r"\s*\n\s*", " ", drawing).strip()

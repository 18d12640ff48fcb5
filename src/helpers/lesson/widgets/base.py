"""What all widgets share: controls, a figure and a sentence that says what the figure shows.

A widget is an `Explorer`, or a `TextExplorer` where no figure is needed. A change of a control
draws once, into an image, so nothing flickers. For pages without a kernel,
``explorer.at(sparsity=0.5)`` gives what the widget would show.
"""

import contextlib
import functools
import html
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .. import page
from ..layout import FIT, Column, wide

DPI = 80
LEVELS = tuple(np.arange(100) / 100)  # the sparsities that a slider reaches
SCENES = 12  # figures that an explorer keeps, some 2 MB each

Stage = Callable[..., tuple[Callable[..., str], Sequence[Artist]]]


def sparsity_slider(
    value: float = 0.5, options: Iterable[float] = LEVELS, description: str = "sparsity"
) -> ipywidgets.SelectionSlider:
    """A slider over sparsities, shown in percent.

    Parameters
    ----------
    value : float
        Where it stands at first: at the option that is nearest to this.
    options : iterable of float
        Fractions.
    description : str
    """
    options = [(f"{s:.0%}", float(s)) for s in options]
    nearest = min((s for _, s in options), key=lambda s: abs(s - value))
    return ipywidgets.SelectionSlider(
        options=options, value=nearest, description=description, continuous_update=True, **wide()
    )


def choice(options: Sequence, description: str, value: Any = None) -> ipywidgets.Dropdown:
    """A menu.

    Parameters
    ----------
    options : sequence
        Names, or pairs of a name and a value.
    description : str
    value
        What is chosen at first; default the first option.
    """
    first = options[0][1] if isinstance(options[0], tuple) else options[0]
    return ipywidgets.Dropdown(
        options=options,
        value=first if value is None else value,
        description=description,
        **wide(),
    )


def offered(control: ipywidgets.Widget) -> list | None:
    """The values a control can take: of a list, those it can hold; None where any text will do."""
    if hasattr(control, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    if hasattr(control, "max"):
        return list(range(control.min, control.max + 1, getattr(control, "step", 1)))
    return [False, True] if isinstance(control.value, bool) else None


class Explorer(Column):
    """Controls above a figure and its sentence.

    Most of the time of a drawing goes into axes and labels. So what a slider moves is drawn over a
    kept picture of all the rest.

    Parameters
    ----------
    stage : callable
        ``stage(figure, **values)`` gets the values of the controls that are not in `moving`. It
        draws into the new figure and returns ``move, artists``. ``move(**values)`` gets the values
        of the others, changes the artists and returns the sentence, as HTML.
    controls : dict of str to ipywidgets.Widget
    size : tuple of float
        Width and height in inches.
    moving : sequence of str
        The controls that change nothing but `artists`.
    margins : dict, optional
        Where the axes are, for `matplotlib.figure.Figure.subplots_adjust`. By default a layout is
        looked for, which takes as long as a drawing.
    on_page : dict of str to sequence, or callable
        The values of controls that a page without a kernel has; default: all, of many some.
        Or a function that returns what a drawing of the page's own needs.

    Attributes
    ----------
    controls : dict of str to ipywidgets.Widget
    picture : ipywidgets.Image
    readout : ipywidgets.HTML
        The sentence.
    """

    def __init__(
        self,
        stage: Stage,
        controls: Mapping[str, ipywidgets.Widget],
        size: tuple[float, float] = (8.6, 3.4),
        moving: Sequence[str] = (),
        margins: Mapping[str, float] | None = None,
        on_page: Mapping[str, Sequence] | Callable[[], dict] | None = None,
    ):
        self.controls, self.picture, self.readout = controls, picture_of(size), readout_of(size)
        self.moving, self._on_page = moving, on_page or {}
        self.scene = functools.partial(_Scene, stage, size, margins)
        self._scene = functools.lru_cache(SCENES)(self.scene)
        super().__init__([*controls.values(), self.picture, self.readout])
        _watch(controls, self._update)

    def at(self, **values) -> tuple[bytes, str]:
        """What the widget shows where its controls have these values; the widget itself stays.

        Parameters
        ----------
        **values
            By the names of the controls. Those that are not given are taken as they stand.

        Returns
        -------
        picture : bytes
            A PNG.
        sentence : str
            HTML.

        Raises
        ------
        ValueError
            If there is no such control, or it cannot take the value.
        """
        values = _values(self.controls, values)
        moved = {name: values.pop(name) for name in self.moving}
        return self._scene(**values).show(**moved)

    def on_page(self) -> dict:
        """What a page without a kernel needs to play this explorer; see `page.states`."""
        if callable(self._on_page):
            return self._on_page()
        return page.states(self, self._on_page, offered)

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle | {page.MIME: page.packed(self.on_page())} if page.wished() else bundle

    def _update(self):
        self.picture.value, self.readout.value = self.at()


class TextExplorer(Column):
    """Controls above an answer in words.

    Parameters
    ----------
    answer : callable
        ``answer(**values)`` returns HTML.
    controls : dict of str to ipywidgets.Widget
    below : sequence of ipywidgets.Widget
        What stands under the answer.

    Attributes
    ----------
    controls : dict of str to ipywidgets.Widget
    readout : ipywidgets.HTML
        The answer.
    """

    def __init__(
        self,
        answer: Callable[..., str],
        controls: Mapping[str, ipywidgets.Widget],
        below: Sequence[ipywidgets.Widget] = (),
    ):
        self.controls, self.readout, self._answer = controls, readout_of(), answer
        super().__init__([*controls.values(), self.readout, *below])
        _watch(controls, self._update)

    def at(self, **values) -> str:
        """The answer where the controls have these values, as in `Explorer.at`."""
        return self._answer(**_values(self.controls, values))

    def _update(self):
        self.readout.value = self.at()


def _watch(controls, update):
    """Update now and whenever a control changes."""
    for control in controls.values():
        control.observe(lambda change: update(), names="value")
    update()


def _values(controls, given):
    """What the controls say, but for the given values."""
    for name, value in given.items():
        if name not in controls:
            raise ValueError(f"there is no control {name!r}; there are {', '.join(controls)}")
        values = offered(controls[name])
        several = isinstance(controls[name], ipywidgets.SelectMultiple)
        for one in value if several else [value]:
            if values is not None and one not in values:
                raise ValueError(f"{name} cannot be {one!r}; it can be one of {values}")
    # a list's value is a tuple, so that scenes can be told apart by their values
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
    return {name: control.value for name, control in controls.items()} | given


class _Scene:
    """A figure for one choice of the controls that do not move, with a picture of what stays."""

    def __init__(self, stage, size, margins, **values):
        figure = Figure(figsize=size, dpi=DPI, layout=None if margins else "constrained")
        if margins:
            figure.subplots_adjust(**margins)
        self.figure, self.canvas, self.width = figure, FigureCanvasAgg(figure), size[0]
        self.move, self.artists = stage(figure, **values)
        for artist in self.artists:
            artist.set_animated(True)  # left out when the rest is drawn
        self.rest = None

    def show(self, **moved):
        sentence = self.move(**moved)
        if self.rest is None:
            self.canvas.draw()
            self.rest = self.canvas.copy_from_bbox(self.canvas.figure.bbox)
        self.canvas.restore_region(self.rest)
        for artist in self.artists:
            artist.axes.draw_artist(artist)
        return _png(self.canvas), paragraph(sentence, self.width)


def picture_of(size: tuple[float, float]) -> ipywidgets.Image:
    """An image widget for figures of this size (inches); it shrinks on a narrow page."""
    layout = ipywidgets.Layout(width=_pixels(size[0]), max_width=FIT, height="auto")
    return ipywidgets.Image(format="png", layout=layout)


def readout_of(size: tuple[float, float] = (8.6, 0)) -> ipywidgets.HTML:
    """A place for sentences, as wide as figures of this size (inches)."""
    layout = ipywidgets.Layout(width=_pixels(size[0]), max_width=FIT, min_height="72px")
    return ipywidgets.HTML(layout=layout)


def render(size: tuple[float, float], draw: Callable[[Figure], str]) -> tuple[bytes, str]:
    """A new figure of this size (inches) as PNG, and as HTML what ``draw(figure)`` says of it."""
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    sentence = draw(figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return _png(canvas), paragraph(sentence, size[0])


def paragraph(sentence: str, width: float = 8.6) -> str:
    """HTML text in a paragraph, at most as wide as a figure of this width (inches)."""
    style = f"max-width:{_pixels(width)}; line-height:1.4; white-space:normal"
    return f"<p style='{style}; overflow-wrap:anywhere'>{sentence}</p>"


def plain(text: str) -> str:
    """Text that is no HTML, in a paragraph that keeps its lines."""
    return paragraph(html.escape(text).replace("\n", "<br>"))


@contextlib.contextmanager
def printing_into(output: ipywidgets.Output) -> Iterator[None]:
    """What is printed goes into the output; what is raised comes out of the block.

    ``with output:`` alone would swallow exceptions under IPython, interrupts among them.
    """
    raised = None
    with output:
        try:
            yield
        except BaseException as error:
            raised = error
    if raised is not None:
        raise raised


def _pixels(inches):
    return f"{inches * DPI:.0f}px"


def _png(canvas):
    buffer, pixels = io.BytesIO(), Image.fromarray(np.asarray(canvas.buffer_rgba()))
    pixels.convert("RGB").save(buffer, "png", compress_level=1)  # for this machine's own browser
    return buffer.getvalue()

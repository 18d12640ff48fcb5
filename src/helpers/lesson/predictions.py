"""Predict first: a learner commits to a number or a choice, and the next figure shows it.

Beside it stands what comes out.
"""

import html
import re
from collections.abc import Sequence

import ipywidgets
from IPython.display import display
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from . import page
from .layout import FIT, Column, wide

COLOR = "black"  # no condition in the figures has it


class Prediction(Column):
    """A question, a control for the answer, and a button that commits to it.

    Made by `number` or `choice`. As long as nobody has committed, `value` is None, `draw` draws
    nothing and `against` says how to answer, so that a notebook also runs from top to bottom.

    Attributes
    ----------
    value : float, str or None
        What was committed to.
    """

    def __init__(self, question: str, control: ipywidgets.Widget, unit: str = ""):
        self.value, self.unit, self.question = None, unit, question
        self.words = f"Predict first: {html.unescape(re.sub('<[^>]+>', '', question))}"
        self._place = None
        self.control, self.readout = control, ipywidgets.HTML()
        self.button = ipywidgets.Button(
            description="Commit", tooltip="Commit to this prediction", button_style="primary"
        )
        self.button.on_click(lambda _: self.commit(self.control.value))
        super().__init__(
            [
                ipywidgets.HTML(f"<b>Predict first.</b> {question}"),
                control,
                self.button,
                self.readout,
            ]
        )
        self.readout.value = "<p>Not committed yet.</p>"

    def commit(self, value: float | str | None) -> None:
        """Commit to a value, as the button does."""
        self.control.value = value  # refuses what the control does not offer
        if value is None:
            self.readout.value = "<p>Choose an answer first.</p>"
            return
        self.value, self.button.description = self.control.value, "Commit again"
        self.readout.value = (
            f"<p>You say <b>{html.escape(self._said(self.value))}</b>. "
            "Run the next cell to see.</p>"
        )

    def _said(self, value):
        if isinstance(value, str):
            return value
        return f"{value:g}{'' if self.unit in ('', '%') else ' '}{_of_unit(value, self.unit)}"

    def _apart(self, outcome):
        """How far the prediction is from the outcome, in words."""
        apart, unit = abs(outcome - self.value), "points" if self.unit == "%" else self.unit
        return f"{apart:.6g} {_of_unit(apart, unit)}".rstrip()

    def draw(self, ax: Axes, axis: str = "y", **legend) -> None:
        """Draw the number, if there is one, as a dotted line across a figure, with a label.

        What the legend has already stays in it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes
        axis : {"y", "x"}
            On which axis the number lies.
        **legend
            Options of `matplotlib.axes.Axes.legend`, such as ``loc``.
        """
        if self.value is None:
            if page.wished():
                self._place = ax.add_artist(_Place(axis))
            return
        across = ax.axhline if axis == "y" else ax.axvline
        line = across(
            self.value,
            color=COLOR,
            linestyle=":",
            linewidth=2.5,
            label=f"your prediction: {self._said(self.value)}",
        )
        options = {"fontsize": 9}
        # the entries of a legend need not belong to anything on the axes that has a label
        if before := ax.get_legend():
            options["handles"] = [*before.legend_handles, line]
            options["labels"] = [*(text.get_text() for text in before.texts), line.get_label()]
        ax.legend(**options | legend)

    def against(self, outcome: float | str, sentence: str = "") -> str:
        """What came out, and beside it the prediction.

        Parameters
        ----------
        outcome : float or str
        sentence : str
            Says what came out, with ``{}`` in place of the outcome. A prediction that nobody made
            is then not spoken of.

        Returns
        -------
        str
        """
        if page.wished():
            told = {
                "question": self.question,
                "unit": self.unit,
                "outcome": outcome if isinstance(outcome, str) else float(outcome),
                "marks": self._place and self._place.marks,
            }
            display({page.OUTCOME: told}, raw=True)
        if sentence:
            said = sentence.format(f"**{self._said(outcome)}**")
            return said if self.value is None else f"{said} {self._judged(outcome)}"
        if self.value == outcome:
            return f"You said {self._said(outcome)}; so it is."
        if self.value is None:
            return f"It is {self._said(outcome)}. (You have not committed to a prediction above.)"
        if isinstance(outcome, str):
            return f"You said {self.value}; it is {outcome}."
        difference = f"{self._apart(outcome)} {'more' if outcome > self.value else 'less'}"
        return f"You said {self._said(self.value)}; it is {self._said(outcome)}, {difference}."

    def _judged(self, outcome):
        """A sentence on a prediction that was made."""
        said = f"You predicted {self._said(self.value)}"
        if self.value == outcome:
            return f"{said}, and so it is."
        if isinstance(outcome, str):
            return f"{said}."
        side = "low" if outcome > self.value else "high"
        return f"{said}: {self._apart(outcome)} too {side}."


def _of_unit(count, unit):
    """The unit for so many: 1 point, 2 points; seconds are always s."""
    return unit.removesuffix("s") if abs(count) == 1 and unit != "s" else unit


class _Place(Artist):
    """Draws nothing; notes where on the picture a number of an axis lies.

    ``marks`` are for a page that draws a reader's prediction itself: the axis, the shares of the
    picture at which 0 and 1 lie, and those between which the axes stand.
    """

    def __init__(self, axis):
        super().__init__()
        self.axis, self.marks = axis, None

    def draw(self, renderer):
        across, along = (1, 0) if self.axis == "y" else (0, 1)
        size, box = self.figure.bbox.size, self.axes.bbox
        at = self.axes.transData.transform([(0, 0), (1, 1)])[:, across] / size[across]
        span = [(box.x0, box.x1), (box.y0, box.y1)][along] / size[along]
        self.marks = {"axis": self.axis, "at": at.tolist(), "span": span.tolist()}


def number(
    question: str, low: float = 0, high: float = 100, step: float = 1, unit: str = "%"
) -> Prediction:
    """Ask for a number.

    Parameters
    ----------
    question : str
        May hold HTML.
    low, high, step : float
        What the slider offers.
    unit : str

    Returns
    -------
    Prediction
    """
    slider = (ipywidgets.IntSlider if step == int(step) else ipywidgets.FloatSlider)(
        value=low,
        min=low,
        max=high,
        step=step,
        description=f"prediction ({unit})" if unit else "prediction",
        **wide(450, 140),
    )
    return Prediction(question, slider, unit)


def choice(question: str, options: Sequence[str]) -> Prediction:
    """Ask for one of several answers.

    Parameters
    ----------
    question : str
        May hold HTML.
    options : sequence of str

    Returns
    -------
    Prediction
    """
    return Prediction(
        question,
        ipywidgets.RadioButtons(
            options=options,
            value=None,
            description="prediction",
            style={"description_width": "140px"},
            layout=ipywidgets.Layout(width="max-content", max_width=FIT),
        ),
    )

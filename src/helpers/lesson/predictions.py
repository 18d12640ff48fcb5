"""Predict first: a learner commits to a number or a choice, and the next figure shows it beside what comes out."""

import ipywidgets

COLOUR = "black"  # no condition in the figures has it


class Prediction(ipywidgets.VBox):
    """A question, a control for the answer, and a button that commits to it.

    Made by `number` or `choice`. As long as nobody has committed, `value` is None, `draw` draws nothing and
    `against` says how to answer, so that a notebook also runs from top to bottom.

    Attributes
    ----------
    value : float, str or None
        What was committed to.
    """

    def __init__(self, question, control, unit=""):
        self.value, self.unit = None, unit
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

    def commit(self, value):
        """Commit to a value, as the button does."""
        self.control.value = value  # refuses what the control does not offer
        if value is None:
            self.readout.value = "<p>Choose an answer first.</p>"
            return
        self.value, self.button.description = self.control.value, "Commit again"
        self.readout.value = (
            f"<p>You say <b>{self._said(self.value)}</b>. Run the next cell to see.</p>"
        )

    def _said(self, value):
        return (
            value
            if isinstance(value, str)
            else f"{value:g}{'' if self.unit in ('', '%') else ' '}{self.unit}"
        )

    def draw(self, ax, axis="y", **legend):
        """Draw the number as a dotted line across a figure, labelled, if there is one; what the legend has already stays in it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes
        axis : {"y", "x"}
            On which axis the number lies.
        **legend
            Options of `matplotlib.axes.Axes.legend`, such as ``loc``.
        """
        if self.value is None:
            return
        line = ax.axhline if axis == "y" else ax.axvline
        line = line(
            self.value,
            color=COLOUR,
            linestyle=":",
            linewidth=2.5,
            label=f"your prediction: {self._said(self.value)}",
        )
        before = (
            ax.get_legend()
        )  # its entries need not belong to anything on the axes that has a label
        entries = (
            {
                "handles": [*before.legend_handles, line],
                "labels": [*(text.get_text() for text in before.texts), line.get_label()],
            }
            if before
            else {}
        )
        ax.legend(**{"fontsize": 9, **entries, **legend})

    def against(self, outcome):
        """A sentence that sets the prediction beside what came out.

        Parameters
        ----------
        outcome : float or str

        Returns
        -------
        str
        """
        if self.value == outcome:
            return f"You said {self._said(outcome)}; so it is."
        if self.value is None:
            return f"It is {self._said(outcome)}. (You have not committed to a prediction above.)"
        if isinstance(outcome, str):
            return f"You said {self.value}; {'so it is' if self.value == outcome else f'it is {outcome}'}."
        difference = f"{abs(outcome - self.value):.6g} {'points' if self.unit == '%' else self.unit}".rstrip()
        return f"You said {self._said(self.value)}; it is {self._said(outcome)}, {difference} {'more' if outcome > self.value else 'less'}."


def number(question, low=0, high=100, step=1, unit="%"):
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
        style={"description_width": "140px"},
        layout=ipywidgets.Layout(width="450px"),
    )
    return Prediction(question, slider, unit)


def choice(question, options):
    """Ask for one of several answers.

    Parameters
    ----------
    question : str
        May hold HTML.
    options : list of str

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
            layout=ipywidgets.Layout(width="max-content"),
        ),
    )

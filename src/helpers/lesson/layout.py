"""How controls and figures stand on the page: not wider than it, and in words where none show."""

from collections.abc import Iterable
from typing import Any

import ipywidgets

FIT = "calc(100% - 4px)"  # of the page; every widget has a margin of 2 px on each side


def wide(width: int = 420, description: int = 110) -> dict[str, Any]:
    """The look of a control: its width and that of its description, in pixels."""
    return {
        "layout": ipywidgets.Layout(width=f"{width}px", max_width=FIT),
        "style": {"description_width": f"{description}px"},
    }


class Column(ipywidgets.VBox):
    """Widgets below each other, with words for where no widget is shown: GitHub, or no kernel.

    ipywidgets would print the beginning of its Python expression.
    """

    words = "A widget: run this cell, and it moves."

    def __repr__(self) -> str:
        return self.words

    def _repr_mimebundle_(self, **kwargs):
        # ipywidgets cuts long words off
        return super()._repr_mimebundle_(**kwargs) | {"text/plain": self.words}


def percents(sparsities: Iterable[float]) -> str:
    """Sparsities as words for a sentence: "70 and 80%", or "no sparsity".

    Parameters
    ----------
    sparsities : iterable of float
        Fractions.

    Returns
    -------
    str
    """
    *first, last = [f"{100 * sparsity:.3g}" for sparsity in sparsities] or ["no sparsity"]
    if last == "no sparsity":
        return last
    return f"{', '.join(first)} and {last}%" if first else f"{last}%"

"""How wide controls and figures are: as wide as they need, but not wider than the page."""

from typing import Any

import ipywidgets

FIT = "calc(100% - 4px)"  # of the page; every widget has a margin of 2 px on each side


def wide(width: int = 420, description: int = 110) -> dict[str, Any]:
    """The look of a control: its width and that of its description, in pixels."""
    return {
        "layout": ipywidgets.Layout(width=f"{width}px", max_width=FIT),
        "style": {"description_width": f"{description}px"},
    }

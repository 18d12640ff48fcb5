"""Sentences of a notebook's cells, as text that a page wraps between words."""

from IPython import get_ipython
from IPython.display import display


def say(*sentences: str) -> None:
    """Show sentences as a paragraph of Markdown; outside a notebook they are printed.

    A notebook breaks what is printed wherever a line is full, also within a word.

    Parameters
    ----------
    *sentences : str
        May hold Markdown. Empty ones are left out.
    """
    text = " ".join(sentence for sentence in sentences if sentence)
    if get_ipython() is None:
        print(text)
    else:
        # what is no Markdown, such as "<class 'list'>", would be taken for HTML
        shown = {"text/markdown": text.replace("<", r"\<"), "text/plain": text}
        display(shown, raw=True)

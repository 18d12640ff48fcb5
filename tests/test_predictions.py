"""A prediction counts once it is committed to; it is drawn, and set beside the outcome in words."""

import ipywidgets
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from helpers.lesson import predictions


def test_nothing_is_drawn_or_claimed_before_it_is_committed():
    guess = predictions.number("How much?")
    ax = Figure().subplots()
    guess.draw(ax)
    assert guess.value is None and not ax.lines
    assert guess.against(9.5) == "It is 9.5%. (You have not committed to a prediction above.)"


@pytest.mark.parametrize("axis, coordinates", [("y", "get_ydata"), ("x", "get_xdata")])
def test_the_button_commits_to_what_the_slider_shows(axis, coordinates):
    guess = predictions.number("How much?")
    guess.control.value = 40
    guess.button.click()
    ax = Figure().subplots()
    guess.draw(ax, axis)
    (line,) = ax.lines
    assert guess.value == 40 and list(getattr(line, coordinates)()) == [40, 40]
    assert "40%" in line.get_label() and "40%" in guess.readout.value
    assert guess.against(9.5) == "You said 40%; it is 9.5%, 30.5 points less."


def test_the_legend_keeps_what_it_has():
    guess = predictions.number("How much?")
    guess.commit(40)
    ax = Figure().subplots()
    ax.legend(handles=[Line2D([], [], label="dense"), Line2D([], [], label="random masks")])
    guess.draw(ax, loc="upper left")
    assert [text.get_text() for text in ax.get_legend().texts] == [
        "dense",
        "random masks",
        "your prediction: 40%",
    ]


def test_one_may_commit_again_but_not_outside_the_range():
    guess = predictions.number("How many?", 0, 5, 0.5, "nats")
    guess.commit(2.5)
    guess.commit(1)
    assert guess.against(3.0) == "You said 1 nat; it is 3 nats, 2 nats more."
    assert guess.against(1.0) == "You said 1 nat; so it is."
    guess.commit(9)
    assert guess.value == 5  # the slider's end


def test_a_choice_is_one_of_those_offered():
    guess = predictions.choice("Which?", ["early", "late"])
    with pytest.raises(ipywidgets.widgets.trait_types.traitlets.TraitError):
        guess.commit("never")
    guess.button.click()
    assert guess.value is None and "Choose" in guess.readout.value
    guess.commit("early")
    assert guess.against("early") == "You said early; so it is."
    assert guess.against("late") == "You said early; it is late."


def test_an_answer_is_shown_as_it_is_written():
    guess = predictions.choice("Which?", ["s < 0.5", "s > 0.5"])
    guess.commit("s < 0.5")
    assert "<b>s &lt; 0.5</b>" in guess.readout.value


def test_a_whole_sentence_is_silent_about_a_prediction_that_nobody_made():
    guess = predictions.number("How much?")
    sentence = "The net reads {} of the digits."
    assert guess.against(9.5, sentence) == "The net reads **9.5%** of the digits."
    guess.commit(40)
    judged = "The net reads **9.5%** of the digits. You predicted 40%: 30.5 points too high."
    assert guess.against(9.5, sentence) == judged
    assert guess.against(55, sentence).endswith("You predicted 40%: 15 points too low.")
    assert guess.against(40, sentence).endswith("You predicted 40%, and so it is.")
    assert guess.against(41, sentence).endswith("You predicted 40%: 1 point too low.")
    points = predictions.number("How many?", unit="points")
    assert points.against(1.0, "You lose {}.") == "You lose **1 point**."
    which = predictions.choice("Which?", ["early", "late"])
    assert which.against("late", "It is {}.") == "It is **late**."
    which.commit("early")
    assert which.against("late", "It is {}.") == "It is **late**. You predicted early."


def test_the_question_stands_where_no_widget_can():
    guess = predictions.number(f"What <b>share</b> of A &amp; B {'is left ' * 30}?")
    words = f"Predict first: What share of A & B {'is left ' * 30}?"
    assert repr(guess) == words and guess._repr_mimebundle_()["text/plain"] == words
    assert "application/vnd.jupyter.widget-view+json" in guess._repr_mimebundle_()

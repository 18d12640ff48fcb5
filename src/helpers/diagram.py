"""BERT as one vector drawing: parts, shapes, and which matrices are pruned.

The drawing is SVG of its own, so it stays sharp, and it follows the reader's light or dark screen.
"""

from typing import TYPE_CHECKING

from .pruning import prunable_parameters

if TYPE_CHECKING:
    from torch import nn

WIDTH, HEIGHT = 940, 484
STYLE = """
.bert-page {fill: #ffffff} .bert-ink {fill: #1c1c1c} .bert-soft {fill: #595959}
.bert-line {stroke: #595959; stroke-width: 1.4; fill: none}
.bert-box {fill: #f4f4f2; stroke: #b9b9b5} .bert-head {stroke: #ffffff; stroke-width: 1.2}
.bert-pruned {fill: #0173b2} .bert-spared {fill: none; stroke: #7a7a7a; stroke-dasharray: 4 3}
@media (prefers-color-scheme: dark) {
.bert-page {fill: #16181b} .bert-ink {fill: #f0f0ee} .bert-soft {fill: #b4b4b0}
.bert-line {stroke: #b4b4b0} .bert-box {fill: #22252a; stroke: #4b5057}
.bert-head {stroke: #16181b} .bert-pruned {fill: #56b4e9} .bert-spared {stroke: #9a9a96}
}
text {font-family: sans-serif; font-size: 13px} .bert-small {font-size: 12px}
.bert-title {font-size: 15px; font-weight: bold}
"""


class Drawing:
    """SVG text that a notebook shows as a picture."""

    def __init__(self, svg: str, said: str):
        self.svg, self.said = svg, said

    def _repr_mimebundle_(self, **_):
        return {"image/svg+xml": self.svg, "text/plain": self.said}


def bert(model: "nn.Module") -> Drawing:
    """A model of BERT's build from its words to its two outputs, with the shape of each matrix.

    Pruned matrices are filled, all other parts dashed. Those of the attention heads are cut where
    one head ends and the next begins: rows of query, key and value, columns of the output.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        A BERT, with or without a task head.

    Returns
    -------
    Drawing
        Its ``svg`` is the drawing as text.

    Raises
    ------
    ValueError
        If the model is of another build.
    """
    shapes = {name: tuple(weight.shape) for name, weight in prunable_parameters(model).items()}
    inside = {name.split(".layer.0.")[-1]: shape for name, shape in shapes.items()}
    needed = ("attention.self.query.weight", "intermediate.dense.weight", "pooler.dense.weight")
    if missing := [name for name in needed if name not in inside]:
        raise ValueError(
            f"{type(model).__name__} has no {missing[0]}, so it is not built like BERT; the "
            "drawing is of models such as google-bert/bert-base-uncased and the pocket BERT"
        )
    config = model.config
    hidden, wide, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
    parts = [*_embeddings(config), *_layer(config), *_outputs(config)]
    said = (
        f"BERT: embeddings, {config.num_hidden_layers} layers of attention ({heads} heads) and "
        f"feed-forward ({hidden} to {wide} to {hidden}), pooler and MLM head. {len(shapes)} "
        "matrices are pruned."
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" style="max-width:100%;height:auto" role="img"><title>{said}</title>'
        f"<style>{STYLE}</style>"
        f'<rect class="bert-page" width="{WIDTH}" height="{HEIGHT}" rx="8"/>{"".join(parts)}</svg>'
    )
    return Drawing(svg, said)


def _text(x, y, words, look="bert-ink", anchor="middle"):
    return f'<text x="{x}" y="{y}" class="{look}" text-anchor="{anchor}">{words}</text>'


def _matrix(x, y, width, height, name, shape, pruned=True, cut=(0, 0)):
    """A matrix about its middle, with its name above and its shape below; cut into heads."""
    left, top = x - width / 2, y - height / 2
    look = "bert-pruned" if pruned else "bert-spared"
    parts = [
        f'<rect class="{look}" x="{left}" y="{top}" width="{width}" height="{height}" rx="2"/>'
    ]
    rows, columns = cut
    for i in range(1, min(rows, 12)):
        at = top + i * height / min(rows, 12)
        parts.append(f'<path class="bert-head" d="M{left} {at}h{width}"/>')
    for i in range(1, min(columns, 12)):
        at = left + i * width / min(columns, 12)
        parts.append(f'<path class="bert-head" d="M{at} {top}v{height}"/>')
    parts.append(_text(x, top - 7, name))
    parts.append(_text(x, top + height + 15, shape, "bert-soft bert-small"))
    return "".join(parts)


def _arrow(*points):
    """A line through points with a tip at its end."""
    (x0, y0), (x, y) = points[-2:]
    across, down = (x > x0) - (x < x0), (y > y0) - (y < y0)
    tip = f"M{x - 6 * across - 4 * down} {y - 6 * down - 4 * across}L{x} {y}"
    tip += f"L{x - 6 * across + 4 * down} {y - 6 * down + 4 * across}"
    line = "M" + "L".join(f"{a} {b}" for a, b in points)
    return f'<path class="bert-line" d="{line}{tip}"/>'


def _step(x, y, words, width=84):
    """A part without a matrix that is pruned."""
    box = f'<rect class="bert-spared" x="{x - width / 2}" y="{y - 14}" width="{width}" height="28" '
    return f'{box}rx="6"/>{_text(x, y + 5, words, "bert-soft bert-small")}'


def _embeddings(config):
    hidden = config.hidden_size
    words, places = config.vocab_size, config.max_position_embeddings
    yield _text(24, 34, "Embeddings", "bert-title bert-ink", "start")
    yield _matrix(84, 150, 40, 120, "word", f"{words:,} × {hidden}")
    yield _matrix(84, 270, 40, 34, "position", f"{places} × {hidden}", pruned=False)
    yield _matrix(84, 345, 40, 12, "type", f"{config.type_vocab_size} × {hidden}", pruned=False)
    yield _step(84, 410, "LayerNorm")
    yield _arrow((126, 410), (158, 410), (158, 240), (186, 240))
    yield '<rect class="bert-pruned" x="24" y="452" width="14" height="14" rx="2"/>'
    yield _text(46, 464, "pruned", "bert-ink bert-small", "start")
    yield '<rect class="bert-spared" x="112" y="452" width="14" height="14" rx="2"/>'
    yield _text(134, 464, "never pruned", "bert-ink bert-small", "start")
    yield _text(
        240,
        464,
        "cuts: where one attention head ends and the next begins",
        "bert-soft bert-small",
        "start",
    )


def _layer(config):
    hidden, wide, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
    square, tall = f"{hidden} × {hidden}", f"{wide} × {hidden}"
    yield '<rect class="bert-box" x="176" y="16" width="556" height="420" rx="10"/>'
    title = f"Layer, {config.num_hidden_layers} times"
    yield _text(192, 38, title, "bert-title bert-ink", "start")
    yield _text(192, 66, f"Attention: {heads} heads of {hidden // heads}", anchor="start")
    for y, name in ((130, "query"), (235, "key"), (340, "value")):
        yield _arrow((170, 240), (200, 240), (200, y), (222, y))
        yield _matrix(248, y, 46, 46, name, square, cut=(heads, 0))
    yield _step(336, 182, "softmax(QKᵀ/√d)", 112)
    yield _arrow((275, 130), (336, 130), (336, 167))
    yield _arrow((275, 235), (308, 235), (308, 197))
    yield _arrow((336, 197), (336, 325))
    yield _arrow((275, 340), (322, 340))
    yield _step(346, 340, "weigh", 46)
    yield _arrow((370, 340), (378, 340), (378, 235), (388, 235))
    yield _matrix(412, 235, 46, 46, "output", square, cut=(0, heads))
    yield _arrow((436, 228), (458, 228))
    yield _step(497, 228, "LayerNorm", 76)
    yield _arrow((497, 214), (497, 188))
    yield _text(470, 66, "Feed-forward", anchor="start")
    yield _matrix(497, 132, 26, 70, "in", tall)
    yield _arrow((513, 132), (545, 132))
    yield _step(573, 132, "GELU", 52)
    yield _arrow((600, 132), (618, 132))
    yield _matrix(660, 132, 78, 26, "out", f"{hidden} × {wide}")
    yield _arrow((660, 166), (660, 213))
    yield _step(660, 228, "LayerNorm", 76)
    yield _arrow((698, 228), (764, 228))
    yield _text(
        450,
        404,
        "Around attention and around feed-forward the input is added again",
        "bert-soft bert-small",
    )


def _outputs(config):
    hidden, words = config.hidden_size, config.vocab_size
    yield _text(756, 38, "Outputs", "bert-title bert-ink", "start")
    yield _arrow((764, 228), (764, 90), (790, 90))
    yield _step(834, 90, "transform", 84)
    yield _arrow((834, 104), (834, 128))
    yield _matrix(834, 172, 30, 52, "", f"{words:,} × {hidden}")
    yield _text(834, 232, "decoder: the word", "bert-ink bert-small")
    yield _text(834, 248, "embeddings again", "bert-ink bert-small")
    yield _text(834, 66, "MLM head", "bert-ink")
    yield _arrow((764, 228), (764, 325), (806, 325))
    yield _matrix(834, 325, 46, 46, "pooler (first token)", f"{hidden} × {hidden}")
    yield _arrow((834, 368), (834, 392))
    yield _step(834, 408, "classifier", 84)

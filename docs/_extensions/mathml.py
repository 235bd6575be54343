"""Formulas as MathML, which browsers draw by themselves: no script, no network, and a screen reader can speak them."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)


def written(self, node, display):
    try:
        return convert(node.astext(), display=display)
    except Exception as error:  # whatever the converter can stumble over is a mistake in the page
        logger.warning("a formula cannot be converted (%s): %s", error, node.astext(), location=node)
        return self.encode(node.astext())


def inline(self, node):
    self.body.append(written(self, node, "inline"))
    raise nodes.SkipNode


def block(self, node):
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    ids = f' id="{node["ids"][0]}"' if node.get("ids") else ""
    self.body.append(f'<div class="formula"{ids}><div>{written(self, node, "block")}</div>{number}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

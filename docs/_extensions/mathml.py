"""Formulas as MathML, which browsers draw by themselves: no script, no network, and a screen reader can speak them."""

import xml.etree.ElementTree as ET

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)

MATHML = "http://www.w3.org/1998/Math/MathML"
SCRIPTS = ("msub", "msup", "msubsup")
LIMITS = ("min", "max", "sup", "inf", "lim")
FUNCTIONS = ("log", "ln", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh")
BARS = ("|", "\u2016")
ET.register_namespace("", MATHML)


def written(self, node, display):
    try:
        return ET.tostring(spaced(ET.fromstring(convert(node.astext(), display=display)), display), encoding="unicode")
    except Exception as error:  # whatever the converter can stumble over is a mistake in the page
        logger.warning("a formula cannot be converted (%s): %s", error, node.astext(), location=node)
        return self.encode(node.astext())


def spaced(element, display):
    """What the converter leaves to the browser, and the browser does otherwise than TeX: limits, bars, brackets, spaces about log."""
    children = [spaced(child, display) for child in element]
    if kind(element) == "msub" and display == "block" and core(element) is not None and core(element).text in LIMITS:
        element.tag = f"{{{MATHML}}}munder"
    if kind(element) in ("mrow", "math", "mtd", "msqrt", "mstyle"):
        for child in list(element):
            element.remove(child)
        bars(children)
        signs(children)
        element.extend(brackets(functions(children)))
    return element


def kind(element):
    return element.tag.rpartition("}")[2]


def make(name, **attributes):
    return ET.Element(f"{{{MATHML}}}{name}", attributes)


def core(element):
    """The operator that an element is, or that it puts an index or exponent to; None where there is none."""
    if kind(element) in (*SCRIPTS, "munder", "mover", "munderover"):
        element = element[0]
    return element if kind(element) == "mo" else None


def is_operator(element, texts):
    return element is not None and kind(element) == "mo" and element.text in texts


def bars(children):
    """Bars that come in pairs enclose what is between them, at the height of a letter."""
    found = [core(child) for child in children if is_operator(core(child), BARS) and core(child).get("fence") != "false"]
    for bar in found:
        bar.set("stretchy", bar.get("stretchy", "false"))
    if len(found) % 2 == 0:
        for i, bar in enumerate(found):
            bar.set("form", "postfix" if i % 2 else "prefix")
            bar.set("lspace", "0")
            bar.set("rspace", "0")


def signs(children):
    """A minus behind another operator is a sign, and a slash stands close."""
    before = None
    for child in children:
        if is_operator(child, ("-", "\u2212", "+")) and leaves_open(before):
            child.set("form", "prefix")
        if is_operator(child, ("/",)):
            child.set("lspace", "0")
            child.set("rspace", "0")
        before = before if kind(child) == "mspace" else child


def leaves_open(element):
    """Whether an element is an operator that something has to follow."""
    return element is not None and kind(element) == "mo" and element.get("form") != "postfix" and element.text not in (")", "]", "}", "!", "\u27e9")


def brackets(children):
    """What stands in large brackets, or about a matrix, is a row of its own: brackets grow with what they hold, and only with that."""
    out, opened = [], []
    for i, child in enumerate(children):
        mark = core(child)
        large = mark is not None and (mark.get("minsize") or any(0 <= j < len(children) and kind(children[j]) == "mtable" for j in (i - 1, i + 1)))
        out.append(child)
        if large and child is mark and mark.text in ("(", "[", "{"):
            opened.append(len(out) - 1)
        elif large and mark.text in (")", "]", "}") and opened:
            start = opened.pop()
            row = make("mrow")
            row.extend([*out[start:-1], mark])
            if child is not mark:
                child[0] = row
            out[start:] = [row if child is mark else child]
    return out


def functions(children):
    """A thin space about log and its like, and none before a parenthesis."""
    out = []
    for i, child in enumerate(children):
        before, after = children[i - 1] if i else None, children[i + 1] if i + 1 < len(children) else None
        named = kind(child) == "mi" and child.text in FUNCTIONS
        operand = before is not None and (is_operator(before, (")", "]")) or kind(before) not in ("mo", "mspace"))
        if named and operand:
            out.append(make("mspace", width="0.167em"))
        out.append(child)
        if named and after is not None and kind(after) not in ("mo", "mspace"):
            out.append(make("mspace", width="0.167em"))
        if kind(child) == "mo" and len(child.text or "") > 1 and child.text.isalpha() and is_operator(after, ("(", "[")):
            child.set("rspace", "0")
    return out


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

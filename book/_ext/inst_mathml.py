r"""Formulas of the EPUB as MathML, the standard of EPUB 3: e-readers run no MathJax.

latex2mathml translates. A few spellings of TeX that it does not know are first replaced by others
with the same meaning. What it still cannot translate is a warning, and so an error of the build.
"""

from __future__ import annotations

import re
from html import unescape
from unicodedata import category
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import Converter
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

SPELLINGS = [
    (r"\\arg(?![a-z])", r"\\operatorname{arg}"),
    (r"\\(big|Big)([lr])\\(?:[lr]Vert|\|)", r"\\\1\2‖"),
    (r"\\(mathcal|mathbb)\s+([A-Z])", r"\\\1{\2}"),
    (r"\{aligned\}", "{split}"),
]
ADVICE = "write it differently, or add a spelling to book/_ext/inst_mathml.py"
LOG = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math_block, None))
    app.add_config_value("epub_math_renderer", "mathml", "epub")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(tex: str, display: str = "inline") -> str:
    """A formula of TeX as an element <math>; display is "inline" or "block".

    Raises:
        ValueError: latex2mathml cannot read the formula, or does not know one of its commands.
    """
    spelled = tex
    for pattern, replacement in SPELLINGS:
        spelled = re.sub(pattern, replacement, spelled)
    try:
        formula = Converter(display=display).convert_to_element(spelled)
    except Exception as error:  # it has a dozen kinds of its own, and most have no text
        raise ValueError(
            f"latex2mathml cannot read the formula {tex} ({type(error).__name__} {error}): {ADVICE}"
        ) from error
    for part in formula.iter():
        part.text = unescape(part.text or "").replace("~", "∼")
        if part.tag == "mi" and _is_operator(part.text):
            part.tag = "mo"  # with the space of a relation or a comma
    unknown = [part.text for part in formula.iter() if re.search(r"[\\&]", part.text)]
    if unknown:
        raise ValueError(
            f"latex2mathml does not know {', '.join(unknown)} in the formula {tex}: {ADVICE}"
        )
    return ElementTree.tostring(formula, encoding="unicode")


def _is_operator(text: str) -> bool:
    return text in (";", ":") or (len(text) == 1 and category(text) in ("Sm", "Ps", "Pe"))


def _visit_math(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(_translated(writer, node, "inline"))
    raise nodes.SkipNode


def _visit_math_block(writer: HTML5Translator, node: nodes.math_block) -> None:
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(writer, node)
        writer.body.append(f'<span class="eqno">({number})</span>')
    writer.body.append(_translated(writer, node, "block") + "</div>\n")
    raise nodes.SkipNode


def _translated(writer: HTML5Translator, node: nodes.math | nodes.math_block, display: str) -> str:
    """The formula of a node, or its TeX and a warning."""
    try:
        return mathml(node.astext(), display)
    except ValueError as error:
        LOG.warning("%s", error, location=node)
        return f"<code>{writer.encode(node.astext())}</code>"

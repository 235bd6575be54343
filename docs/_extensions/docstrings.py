"""Docstrings are plain text with code among it; on the API's pages that is what they look like.

Text is kept as it is: a star or an underscore in it is no markup, a quotation mark or two hyphens are not made typographic.  Indented lines
after an empty one, and examples (>>>), are code, everything else paragraphs.
"""

import re


def as_rst(app, what, name, obj, options, lines):
    """autodoc-process-docstring: plain text to reStructuredText that shows it."""
    if lines and lines[0].startswith(("Alias for field number", "Initialize self.  See")):  # what Python says by itself, and nobody wrote
        lines[:] = []
        return
    blocks, out = re.split(r"\n\s*\n", "\n".join(lines)), []
    for block in blocks:
        rows = block.split("\n")
        for kind, part in parts(rows):
            if kind == "text":
                out += [escaped(row.lstrip() if row.startswith("    ") else row) for row in part]
            else:
                out += [".. code-block:: " + ("pycon" if part[0].lstrip().startswith(">>>") else "python"), "", *("   " + row for row in part)]
            out.append("")
    lines[:] = out


def escaped(row):
    """Every character but what stands between `` and `` as it is; -> is an arrow, which no line ends in the middle of."""
    pieces = re.split(r"(``[^`]*``)", row)
    return "".join(piece if i % 2 else re.sub(r"([*`|_\\<>\"]|--)", r"\\\1", piece.replace("->", "\u2192")) for i, piece in enumerate(pieces))


def parts(rows):
    """("text" or "code", rows), in order: examples and what is indented are code."""
    found = []
    for row in rows:
        example = row.startswith(">>>") or (found and found[-1][0] == "code" and found[-1][1][0].startswith(">>>"))
        indented = row.startswith("    ") and (not found or found[-1][0] == "code")  # else it goes on with a sentence
        kind = "code" if example or indented else "text"
        if not found or found[-1][0] != kind:
            found.append((kind, []))
        found[-1][1].append(row)
    return [(kind, part) for kind, part in found if any(row.strip() for row in part)]


def readable(app, what, name, obj, options, signature, returned):
    """autodoc-process-signature: defaults that have no name as Python writes it, so that Sphinx can read the rest."""
    if signature:
        signature = re.sub(r"<function (\w+)[^>]*>", r"\1", signature)
        return re.sub(r"<(?:factory|object)[^>]*>", "...", signature), returned


def setup(app):
    app.connect("autodoc-process-docstring", as_rst)
    app.connect("autodoc-process-signature", readable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

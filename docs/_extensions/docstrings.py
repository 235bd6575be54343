"""Docstrings are plain text with code among it; on the API's pages that is what they look like.

Text is kept as it is: a star or an underscore in it is no markup.  Indented lines and examples (>>>) are code, everything else paragraphs.
"""

import re


def as_rst(app, what, name, obj, options, lines):
    """autodoc-process-docstring: plain text to reStructuredText that shows it."""
    blocks, out = re.split(r"\n\s*\n", "\n".join(lines)), []
    for block in blocks:
        rows = block.split("\n")
        for kind, part in parts(rows):
            if kind == "text":
                out += [escaped(row) for row in part]
            else:
                out += [".. code-block:: " + ("pycon" if part[0].lstrip().startswith(">>>") else "python"), "", *("   " + row for row in part)]
            out.append("")
    lines[:] = out


def escaped(row):
    """Every character but what stands between `` and `` as it is."""
    return "".join(piece if i % 2 else re.sub(r"([*`|_\\<>])", r"\\\1", piece) for i, piece in enumerate(re.split(r"(``[^`]*``)", row)))


def parts(rows):
    """("text" or "code", rows), in order: examples and what is indented are code."""
    found = []
    for row in rows:
        kind = (
            "code" if row.startswith((">>>", "...", "    ")) or (found and found[-1][0] == "code" and found[-1][1][0].startswith(">>>")) else "text"
        )
        if not found or found[-1][0] != kind:
            found.append((kind, []))
        found[-1][1].append(row)
    return [(kind, part) for kind, part in found if any(row.strip() for row in part)]


def setup(app):
    app.connect("autodoc-process-docstring", as_rst)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""What a narrow page needs to know: which words of code are short enough to stay on one line, and which cells of a table hold sentences.

No line ends behind the hyphens of --batch-size; a long word, a path say, may break.
"""

import re

SHORT = re.compile(r'<span class="pre">(?=[^<]{1,32}</span>)')
CELL = re.compile(r"<td>(?=<p>(.*?)</p>\s*</td>)", re.DOTALL)


def marked(app, pagename, templatename, context, doctree):
    if "body" in context:
        body = SHORT.sub('<span class="pre short">', context["body"])
        context["body"] = CELL.sub(lambda cell: '<td class="prose">' if len(re.sub("<[^>]*>", "", cell[1])) > 40 else cell[0], body)


def setup(app):
    app.connect("html-page-context", marked)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

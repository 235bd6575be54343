"""Links to the repository's files lead to pages of the site: a source file has a page that shows it, a notebook is a page.

In docs/ a link is written as it works in the repository, ``[steps](../nanogan/gan/steps.py)``.  Before the site is built, notebooks
are copied into docs/notebooks/ and a page for every source file is written into docs/code/; neither is under version control.
"""

import os
import pathlib
import re
import shutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SHOWN = ("nanogan/**/*.py", "tests/**/*.py", "setup.cfg", ".ci/run")
LINK = re.compile(r"(?<=\]\()((?:\.\./)+[^)#\s]*)(#[^)\s]*)?(?=\))")
LANGUAGES = {".py": "python", ".cfg": "ini", "": "bash"}


def prepare(app):
    """Write docs/code/ and docs/notebooks/, and only what has changed, so that the next build is quick."""
    wanted = {}
    for pattern in SHOWN:
        for path in ROOT.glob(pattern):
            name = path.relative_to(ROOT).as_posix()
            if "__pycache__" not in name:
                title = f"---\norphan: true\n---\n\n# `{name}`\n\n"
                up = "../" * (name.count("/") + 2)
                wanted[page_of(name)] = f"{title}```{{literalinclude}} {up}{name}\n:language: {LANGUAGES[path.suffix]}\n:linenos:\n```\n"
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        wanted[f"notebooks/{path.name}"] = path.read_text(encoding="utf-8").replace("](../docs/", "](../")
    for folder in ("code", "notebooks"):
        for path in sorted((DOCS / folder).rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(DOCS).as_posix() not in wanted:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                shutil.rmtree(path)
    for name, text in wanted.items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def page_of(name):
    return f"code/{name}.md"


def target(docname, link):
    """The page of the site that a link out of docs/ leads to; None where there is none."""
    path = pathlib.Path(os.path.normpath((DOCS / docname).parent / link))
    if not path.is_relative_to(ROOT) or path.is_relative_to(DOCS):
        return None
    name = path.relative_to(ROOT).as_posix()
    if path.is_dir():
        name = f"{name}/__init__.py" if (path / "__init__.py").is_file() else name
    if name.startswith("notebooks/") and name.endswith(".ipynb") and name.count("/") == 1:
        return f"/{name}"
    if name == "README.md":
        return "/index.md"
    return f"/{page_of(name)}" if (DOCS / page_of(name)).is_file() else None


def links(app, docname, source):
    def replaced(match):
        page = target(docname, match.group(1))
        return match.group(0) if page is None else page + (match.group(2) or "")

    source[0] = LINK.sub(replaced, source[0])


def setup(app):
    app.connect("config-inited", lambda app, config: prepare(app))
    app.connect("source-read", links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""README and docs tell the truth: their Python runs, their commands are taken, and their links lead somewhere."""

import importlib
import inspect
import itertools
import json
import pathlib
import re
import shlex
import urllib.parse

import pytest

from nanogan.gan import command

ROOT = pathlib.Path(__file__).resolve().parents[1]
MADE = {"_build", "code", "notebooks"}  # folders of docs/ that the site's build writes
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if not MADE & set(p.relative_to(ROOT / "docs").parts))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("**/[0-9]*.ipynb"))
BLOCKS = [(page, i, code) for page in PAGES for i, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S))]


@pytest.mark.parametrize("page, i, code", BLOCKS, ids=[f"{page.relative_to(ROOT)}-{i}" for page, i, _ in BLOCKS])
def test_code_runs(page, i, code, monkeypatch, tmp_path):
    monkeypatch.setenv("NANOGAN_PROGRESS", str(tmp_path / "progress.json"))  # what is tried out leaves no record here
    exec(compile(code, f"{page.name}, block {i}", "exec"), {})


def prose(markdown):
    """Without code and formulas, in which brackets are no links."""
    return re.sub(r"```.*?```|\$\$.*?\$\$|(?<!\$)\$[^$\n]+\$", "", markdown, flags=re.S)


def slugs(markdown):
    """What links call the headings, as GitHub and MyST make it: lower case, hyphens for spaces, and -1, -2 for a second and third of the same name."""
    found = set()
    for heading in re.findall(r"^#+ +(.*?) *$", re.sub(r"^```.*?^```", "", markdown, flags=re.S | re.M), re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = first = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        again = 0
        while slug in found:
            again += 1
            slug = f"{first}-{again}"
        found.add(slug)
    return found


def test_slugs():
    assert slugs("# A `b_c`, [d](e.md): f?\n\n## Twice\n\n```sh\n# none\n```\n\n## Twice\n") == {"a-b_c-d-f", "twice", "twice-1"}


def broken_links(markdown, page):
    """The local links of a page that lead to no file, or to no heading of one."""
    broken = []
    for target, fragment in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?[^)]*\)", prose(markdown)):
        if "://" in target or target.startswith("mailto:"):
            continue
        place = page.parent / urllib.parse.unquote(target) if target else page
        if not place.exists():
            broken.append(target)
        elif fragment and place.suffix == ".md" and fragment not in slugs(place.read_text(encoding="utf-8")):
            broken.append(f"{target}#{fragment}")
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert broken_links(page.read_text(encoding="utf-8"), page) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.relative_to(ROOT / "notebooks")))
def test_links_of_notebooks_lead_somewhere(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [link for cell in cells if cell["cell_type"] == "markdown" for link in broken_links("".join(cell["source"]), path)] == []


def commands(markdown):
    """(module, arguments) of each ``python -m nanogan.X ...`` in a block for the shell."""
    for block in re.findall(r"```sh\n(.*?)```", markdown, re.S):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            for i, word in enumerate(words[2:], 2):
                if words[i - 1] == "-m" and word.startswith("nanogan."):
                    yield word, list(itertools.takewhile(lambda w: w not in ("&&", "||", "|", ";", ">"), words[i + 1 :]))


class Taken(Exception):
    """What a command's parser was given, it takes."""


COMMANDS = [(page, module, argv) for page in PAGES for module, argv in commands(page.read_text(encoding="utf-8"))
            if not {"-h", "--help", "--version"} & set(argv)]  # fmt: skip


@pytest.mark.parametrize("page, module, argv", COMMANDS, ids=[f"{p.relative_to(ROOT)}: {shlex.join([m, *a])}" for p, m, a in COMMANDS])
def test_commands_are_taken(page, module, argv, monkeypatch):
    """By the command's own parser; of train, the recipe takes its options, too."""
    parse = command.Parser.parse_args

    def only_parsed(self, args=None, namespace=None):
        raise Taken(parse(self, args, namespace))

    monkeypatch.setattr(command.Parser, "parse_args", only_parsed)
    with pytest.raises(Taken) as taken:
        importlib.import_module(module).main(argv)
    asked = taken.value.args[0]
    if module == "nanogan.train" and not asked.resume and not asked.config:
        importlib.import_module(module).settings(asked)


def test_every_picture_is_shown():
    shown = {(page.parent / target).resolve() for page in PAGES for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))}
    assert set((ROOT / "docs" / "images").iterdir()) == shown


# Modules that the reference leaves out, since nobody calls them from outside.
INTERNAL = {
    "nanogan.backend": ("cupy_kernels", "numpy_convolutions", "numpy_kernels", "numpy_winograd", "numpy_workers"),  # reference.py, faster
    "nanogan.course": ("engine", "exercises", "likely", "outcomes", "records"),  # the exercises are read in notebooks
    "nanogan.data": ("cache", "creatures", "files"),
    "nanogan.gan": ("bench", "command", "config", "environment", "listing"),
    "nanogan.viz": ("files",),
}


def test_every_module_is_in_the_reference():
    internal = {f"{package}.{name}" for package, names in INTERNAL.items() for name in names}
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    told = re.findall(r"^\.\. automodule:: (\S+)$", pages, re.M)
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "nanogan").rglob("*.py")]
    modules = {".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in (path.parts for path in files)}
    assert internal <= modules, "internal modules that are gone"
    assert sorted(told) == sorted(m for m in modules if not any(m == name or m.startswith(f"{name}.") for name in internal))


def test_the_top_level_is_in_the_reference():
    import nanogan

    page = (ROOT / "docs" / "api" / "nanogan.md").read_text(encoding="utf-8")
    told = set(re.findall(r"\bng\.(\w+)", page))
    packages = {path.parent.name for path in (ROOT / "nanogan").glob("*/__init__.py")}
    public = {name for name, value in vars(nanogan).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert told - packages - {"optim"} == public, "what `import nanogan as ng` gives"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_nothing_is_left_to_be_written(page):
    assert not re.search(r"@@|\bTODO\b|\bFIXME\b", page.read_text(encoding="utf-8"))


def test_every_recipe_is_told_of():
    """With its parameters, trained + moving statistics."""
    from nanogan.gan import recipes

    readme = PAGES[0].read_text(encoding="utf-8")
    for name in recipes.names():
        counts = []
        for network in recipes.get(name).build():
            trained = sum(p.size for p in network.parameters())
            kept = sum(value.size for _, value in network.named_state()) - trained
            counts.append(f"{trained:,} + {kept:,}" if kept else f"{trained:,}")
        row = f"| {counts[0]} | {counts[1]} |"
        assert re.search(rf"\| `{name}` .*{re.escape(row)}", readme), f"README's table lacks {name} with {row}"

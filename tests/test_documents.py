"""README and docs tell the truth: their Python runs, and their links lead somewhere."""

import inspect
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
MADE = {"_build", "code", "notebooks"}  # folders of docs/ that the site's build writes
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if not MADE & set(p.relative_to(ROOT / "docs").parts))]
BLOCKS = [(page, i, code) for page in PAGES for i, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S))]


@pytest.mark.parametrize("page, i, code", BLOCKS, ids=[f"{page.relative_to(ROOT)}-{i}" for page, i, _ in BLOCKS])
def test_code_runs(page, i, code, monkeypatch, tmp_path):
    monkeypatch.setenv("NANOGAN_PROGRESS", str(tmp_path / "progress.json"))  # what is tried out leaves no record here
    exec(compile(code, f"{page.name}, block {i}", "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(
        r"```.*?```|\$\$.*?\$\$|(?<!\$)\$[^$\n]+\$", "", page.read_text(encoding="utf-8"), flags=re.S
    )  # in code and formulas brackets are no links
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert "://" in target or (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


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

"""The site is built without a warning, its links lead somewhere, and a browser shows it without complaint, on a phone too.

pytest -m slow tests/test_site.py          # pip install -e ".[dev,docs]"; the browser's part needs Chromium on the path
"""

import contextlib
import html.parser
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site; its sources are a copy, so that nothing is written beside them."""
    pytest.importorskip("sphinx", reason='the site needs Sphinx: pip install -e ".[docs]"')
    pytest.importorskip("myst_nb", reason='the site needs MyST-NB: pip install -e ".[docs]"')
    pytest.importorskip("furo", reason='the site needs its theme: pip install -e ".[docs]"')
    pytest.importorskip("latex2mathml", reason='the site needs latex2mathml: pip install -e ".[docs]"')
    copy = tmp_path_factory.mktemp("site") / "nanogan"
    left = shutil.ignore_patterns("_build", "code", "__pycache__", ".git", ".venv", "runs", "*.egg-info")
    shutil.copytree(ROOT, copy, ignore=lambda folder, names: left(folder, names) | ({"notebooks"} & set(names) if folder.endswith("docs") else set()))
    out = copy / "built"
    done = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(copy / "docs"), str(out)],
                          capture_output=True, text=True, cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    return out


class Page(html.parser.HTMLParser):
    """The links and anchors of a page, its text outside code, and how many formulas it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.words, self.formulas, self.code = [], set(), [], 0, 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        self.formulas += tag == "math"
        self.code += tag in ("pre", "code", "script", "style")

    def handle_endtag(self, tag):
        self.code -= tag in ("pre", "code", "script", "style")

    def handle_data(self, data):
        if not self.code:
            self.words.append(data)


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}


def test_every_link_leads_somewhere(site, pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("data:"):
                continue
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                broken.append(f"{path.relative_to(site)}: {link}")
            elif parts.fragment and target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].anchors:
                broken.append(f"{path.relative_to(site)}: {link} (no such place in it)")
    assert broken == []


def test_every_page_of_the_repository_is_there(site):
    made = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    written = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")
               if not {"_build", "code", "notebooks"} & set(path.relative_to(ROOT / "docs").parts)}  # fmt: skip
    notebooks = {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert written | notebooks <= made
    assert "code/nanogan/autograd.py" in made, "source files have pages"


def test_formulas_are_formulas(site, pages):
    assert sum(page.formulas for page in pages.values()) > 100
    for path, page in pages.items():
        text = " ".join(page.words)
        for raw in ("$$", "\\frac", "\\begin{", "\\mathbb", "\\lVert", "\\left("):
            assert raw not in text, f"{path.relative_to(site)} shows {raw}: a formula that was not converted"


@contextlib.contextmanager
def served(folder):
    import functools
    import http.server

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.filterwarnings("default")  # of the tools that drive the browser
def test_a_browser_shows_it_without_complaint(site, pages):
    """No error on the console, no page wider than a phone, every formula drawn, text that can be read, in the dark too."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright drives the browser: pip install playwright")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser was found (looked for {', '.join(BROWSERS)}); Debian's is apt-get install chromium")
    names = [path.relative_to(site).as_posix() for path in pages]
    source = [name for name in names if name.startswith("code/")]
    names = [name for name in names if not name.startswith("code/")] + source[:: max(1, len(source) // 5)]
    found = []
    with served(site) as address, sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for scheme, size in itertools.product(("light", "dark"), (PHONE, DESK)):
            page = chromium.new_context(viewport=size, color_scheme=scheme, service_workers="block").new_page()
            page.on("console", lambda message, where=page: message.type in ("error", "warning") and found.append(f"{where.url}: {message.text}"))
            page.on("pageerror", lambda error, where=page: found.append(f"{where.url}: {error}"))
            page.on("response", lambda response: response.status >= 400 and found.append(f"{response.url}: {response.status}"))
            page.on("request", lambda request: request.url.startswith((address, "data:")) or found.append(f"{request.url} is fetched from elsewhere"))
            for name in names:
                page.goto(f"{address}/{name}", wait_until="load")
                facts = page.evaluate(LOOK)
                if facts["wide"] > size["width"] + 1:
                    found.append(f"{name} at {size['width']} pixels: it is {facts['wide']} wide, because of {facts['widest']}")
                if facts["flat"]:
                    found.append(f"{name}: {facts['flat']} formulas are not drawn")
                if facts["contrast"] < 4.5:
                    found.append(f"{name}, {scheme}: contrast of text and background is {facts['contrast']:.1f}, the least, in {facts['pale']}")
        chromium.close()
    assert found == []


# Contrast is the least of all that is written in an article; what lies behind a text is what its ancestors paint, the nearest on top.
LOOK = """() => {
  const parts = c => { const [r, g, b, alpha = 1] = c.match(/[\\d.]+/g).map(Number); return [r, g, b, alpha]; };
  const over = (top, below) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * below[i]);
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                       return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const known = new Map();
  const behind = e => {
    if (!e) return [255, 255, 255];
    if (!known.has(e)) known.set(e, over(parts(getComputedStyle(e).backgroundColor), behind(e.parentElement)));
    return known.get(e);
  };
  const contrast = e => {
    const back = behind(e), [a, b] = [light(over(parts(getComputedStyle(e).color), back)), light(back)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const written = e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && e.getClientRects().length;
  let least = Infinity, pale = null;
  for (const e of document.querySelectorAll("article :is(h1, h2, h3, p, li, td, th, dt, a:not(.headerlink), code, pre, span)")) {
    if (!written(e)) continue;
    const found = contrast(e);
    if (found < least) [least, pale] = [found, e];
  }
  const inner = [...document.querySelectorAll("article *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1);
  return {
    wide: document.scrollingElement.scrollWidth,
    widest: inner.slice(0, 3).map(e => e.tagName + "." + e.className).join(", "),
    flat: [...document.querySelectorAll("math")].filter(m => !m.closest("details:not([open])") && m.getBoundingClientRect().width < 1).length,
    contrast: pale ? least : 99,
    pale: pale && `${pale.tagName}.${pale.className} in ${pale.parentElement.className}: ${pale.textContent.trim().slice(0, 40)}`,
  };
}"""

"""Downloads, against servers on this machine that behave as badly as real ones do."""

import contextlib
import hashlib
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from data_files import complaint, write_mnist

from nanogan.data import DataError, fetch, load
from nanogan.data.download import download

MODULE = sys.modules["nanogan.data.download"]
BODY = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
NAMES = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]


class Handler(http.server.BaseHTTPRequestHandler):
    """/KIND/... answers in the way KIND says, from the server's ``bodies`` (BODY where a name is not among them)."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        _, kind, name = self.path.split("/", 2)
        self.server.asked.append((kind, name, self.headers.get("Range")))
        with contextlib.suppress(ConnectionError):
            getattr(self, "answer_" + kind)(self.server.bodies.get(name, BODY))

    def send(self, status, body, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length != "unknown":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def answer_good(self, body):
        start = self.headers.get("Range")
        start = int(re.fullmatch(r"bytes=(\d+)-", start)[1]) if start else None
        if start is None:
            self.send(200, body)
        elif start >= len(body):
            self.send(416, b"", Content_Range=f"bytes */{len(body)}")
        else:
            self.send(206, body[start:], Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")

    def answer_norange(self, body):
        self.send(200, body)

    def answer_nolength(self, body):
        self.send(200, body, length="unknown")

    def answer_no416(self, body):
        self.send(416 if self.headers.get("Range") else 200, body)

    def answer_otherrange(self, body):
        self.send(206, body[5:], Content_Range=f"bytes 5-{len(body) - 1}/{len(body)}")

    def answer_short(self, body):
        """Breaks off after half of what it promised, every time."""
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        rest = body[start:]
        self.send(206 if start else 200, rest[: len(rest) // 2], len(rest), Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")

    def answer_once(self, body):
        """Breaks off the first time only."""
        (self.answer_short if len(self.server.asked) == 1 else self.answer_good)(body)

    def answer_wrong(self, body):
        self.send(200, bytes(len(body)))

    def answer_long(self, body):
        self.send(200, body + b"more", length="unknown")

    def answer_page(self, body):
        self.send(200, b"<html>Please log in to the network</html>")

    def answer_missing(self, body):
        self.send(404, b"nothing here")

    def answer_broken(self, body):
        self.send(503, b"later")

    def answer_stalls(self, body):
        self.send(200, body[:1000], len(body))
        self.server.stop.wait(5)

    def answer_silent(self, body):
        self.server.stop.wait(5)

    def answer_slowly(self, body):
        self.send(200, body[:100_000], len(body))
        time.sleep(0.5)
        self.wfile.write(body[100_000:])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.bodies, server.stop, server.url = [], {}, threading.Event(), f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def get(server, tmp_path):
    """get("kind", ...): fetch from mirrors of these kinds to tmp_path/f."""
    return lambda *kinds, **options: fetch([f"{server.url}/{kind}/f" for kind in kinds], tmp_path / "f", SHA256, len(BODY), **options)


@pytest.mark.parametrize("kind", ["good", "norange", "nolength", "once"])
@pytest.mark.parametrize("had", [0, 1, 1000, len(BODY) - 1])
def test_a_file_comes_whole_and_resumes_from_its_part(get, server, tmp_path, kind, had):
    if had:
        (tmp_path / "f.part").write_bytes(BODY[:had])
    assert get(kind) == tmp_path / "f"
    assert (tmp_path / "f").read_bytes() == BODY and os.listdir(tmp_path) == ["f"]
    assert server.asked[0] == (kind, "f", f"bytes={had}-" if had else None)
    assert len(server.asked) == (1 if kind != "once" else 2)
    if kind == "once":
        middle = had + (len(BODY) - had) // 2
        assert server.asked[1][2] == (f"bytes={middle}-" if middle else None)


@pytest.mark.parametrize(
    ("part", "kind", "requests"),
    [
        (BODY, "good", 0),  # all there, only not renamed
        (bytes(len(BODY)), "good", 1),  # as long, and something else
        (BODY + b"more", "good", 1),
        (bytes(1000), "good", 2),  # resumed, found wrong, and fetched from the start
        (BODY[:1000], "no416", 2),
        (b"", "good", 1),
    ],
)
def test_whatever_the_part_is_the_file_is_right(get, server, tmp_path, part, kind, requests):
    (tmp_path / "f.part").write_bytes(part)
    get(kind)
    assert (tmp_path / "f").read_bytes() == BODY and len(server.asked) == requests and os.listdir(tmp_path) == ["f"]


def test_a_whole_file_is_left_alone_and_a_damaged_one_replaced(get, server, tmp_path):
    get("good")
    get("good")
    assert len(server.asked) == 1
    for damaged in (BODY[:-1], bytes(len(BODY))):
        (tmp_path / "f").write_bytes(damaged)
        get("good")
        assert (tmp_path / "f").read_bytes() == BODY


@pytest.mark.parametrize("bad", ["missing", "broken", "wrong", "page", "long", "short", "otherrange"])
def test_the_second_mirror_is_asked(get, server, tmp_path, bad):
    if bad == "otherrange":
        (tmp_path / "f.part").write_bytes(BODY[:1000])
    get(bad, "good")
    assert (tmp_path / "f").read_bytes() == BODY and os.listdir(tmp_path) == ["f"]
    assert [kind for kind, *_ in server.asked] == [bad] * (3 if bad == "short" else 1) + ["good"]


@pytest.mark.parametrize(
    ("kind", "said", "kept"),
    [
        ("missing", "HTTP 404 Not Found", None),
        ("broken", "HTTP 503 Service Unavailable", None),
        ("wrong", "wrong checksum", None),
        ("long", "wrong checksum", None),
        ("page", "it has 41 bytes there, not 300000", None),
        ("short", "it stopped after 262500 of 300000 bytes", 262500),
        ("stalls", "it broke off after 1000 of 300000 bytes: no answer in time", 1000),
        ("silent", "no answer in time", None),
    ],
)
def test_what_is_said_when_no_mirror_has_it(get, server, tmp_path, kind, said, kept, monkeypatch):
    if kind == "stalls":
        monkeypatch.setattr(MODULE, "TRIES", 1)
    text = complaint(lambda: get(kind, "missing", timeout=0.2))
    for piece in (said, f"{server.url}/{kind}/f", f"{server.url}/missing/f (HTTP 404 Not Found)", "put the file into", str(tmp_path), "by hand"):
        assert piece in text
    assert not (tmp_path / "f").exists()
    if kept:
        assert f"{kept} of 300000 bytes are kept in {tmp_path / 'f.part'}" in text
        assert (tmp_path / "f.part").read_bytes() == BODY[:kept]
        get("good")
        assert server.asked[-1][2] == f"bytes={kept}-" and (tmp_path / "f").read_bytes() == BODY
    else:
        assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "said"), [("http://127.0.0.1:{}/f", "refused"), ("http://no-such-host.invalid/f", "("), ("nonsense", "unknown url type")]
)
def test_offline(tmp_path, url, said, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = url.format(closed.getsockname()[1])
    text = complaint(fetch, url, tmp_path / "f", SHA256, len(BODY))
    assert f"f cannot be fetched from {url} (" in text and said in text and "check the connection" in text
    assert os.listdir(tmp_path) == []


def test_an_interrupted_download_is_resumed(get, server, tmp_path, monkeypatch):
    from http.client import HTTPResponse

    read1, pieces = HTTPResponse.read1, []

    def interrupted(self, n=-1):
        if sum(pieces) >= 100_000:
            raise KeyboardInterrupt
        piece = read1(self, n)
        pieces.append(len(piece))
        return piece

    with monkeypatch.context() as patch:
        patch.setattr(HTTPResponse, "read1", interrupted)
        with pytest.raises(KeyboardInterrupt):
            get("good")
    kept = (tmp_path / "f.part").stat().st_size
    assert 100_000 <= kept == sum(pieces) < len(BODY) and os.listdir(tmp_path) == ["f.part"]
    get("good")
    assert server.asked[-1][2] == f"bytes={kept}-" and (tmp_path / "f").read_bytes() == BODY


@pytest.mark.skipif(sys.platform == "win32", reason="no lock on folders there")
def test_two_processes_do_not_get_into_each_others_way(server, tmp_path):
    code = f"import sys; from nanogan.data import fetch; fetch({server.url + '/slowly/f'!r}, {str(tmp_path / 'f')!r}, {SHA256!r}, {len(BODY)})"
    both = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=60)[1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said == ["", f"nanogan: another process is fetching files into {tmp_path}; waiting for it\n"]
    assert (tmp_path / "f").read_bytes() == BODY and os.listdir(tmp_path) == ["f"]
    assert len(server.asked) == 1  # the second one waited, and found the file


def test_a_folder_is_made_and_one_that_cannot_be_is_told(server, get, tmp_path):
    url = server.url + "/good/f"
    assert fetch(url, str(tmp_path / "a" / "b" / "f"), SHA256, len(BODY)).read_bytes() == BODY
    (tmp_path / "file").touch()
    text = complaint(fetch, url, tmp_path / "file" / "below" / "f", SHA256, len(BODY))
    assert "cannot be written" in text and "--data-dir" in text
    (tmp_path / "f.part").mkdir()
    assert "cannot be written" in complaint(get, "good")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission(server, tmp_path):
    (tmp_path / "locked").mkdir(0o500)
    assert "ermission" in complaint(fetch, server.url + "/good/f", tmp_path / "locked" / "f", SHA256, len(BODY))


def test_the_bar_is_shown_when_asked_for(get, tmp_path, capsys):
    get("good", progress=False)
    (tmp_path / "f").unlink()
    get("good")
    assert capsys.readouterr().err == ""


@pytest.fixture(params=["mnist", "fashion-mnist"])
def mirror(request, server, tmp_path, monkeypatch):
    """(name, images) of a small MNIST that the server has, and the tables know."""
    made = tmp_path / "made"
    images = {split: write_mnist(made, 40, split, end=".gz")[0] for split in ("train", "test")}
    bodies = {file: (made / file).read_bytes() for file in NAMES}
    server.bodies.update(bodies)
    monkeypatch.setitem(MODULE.FILES, request.param, {file: (hashlib.sha256(b).hexdigest(), len(b)) for file, b in bodies.items()})
    monkeypatch.setitem(MODULE.MIRRORS, request.param, (f"{server.url}/missing/", f"{server.url}/good/"))
    return request.param, images


def test_load_downloads_what_is_missing(mirror, server, tmp_path):
    name, images = mirror
    folder = tmp_path / "data"
    assert "--download" in complaint(load, name, folder)
    for split in ("train", "test"):
        d = load(name, folder, download=True, split=split)
        assert d.name == name and len(d.labels) == 40
        np.testing.assert_array_equal(d.samples[..., 0], images[split])
    assert sorted(os.listdir(folder / name)) == sorted(NAMES) and len(server.asked) == 8
    load(name, folder, download=True)
    download(name, folder)
    assert len(server.asked) == 8


def test_load_downloads_what_is_damaged_and_leaves_what_is_good(mirror, server, tmp_path):
    name, images = mirror
    write_mnist(tmp_path / "own" / name, 20)  # not the files that the mirrors have, and readable
    assert len(load(name, tmp_path / "own", download=True)) == 20 and server.asked == []
    download(name, tmp_path / "data")
    for damage in (b"", (tmp_path / "made" / NAMES[0]).read_bytes()[:-9]):
        (tmp_path / "data" / name / NAMES[0]).write_bytes(damage)
        server.asked.clear()
        np.testing.assert_array_equal(load(name, tmp_path / "data", download=True).samples[..., 0], images["train"])
        assert {file for _, file, _ in server.asked} == {NAMES[0]}


def test_offline_load_names_the_files_and_the_folder(mirror, server, tmp_path, monkeypatch):
    name, _ = mirror
    monkeypatch.setitem(MODULE.MIRRORS, name, (f"{server.url}/missing/", f"{server.url}/broken/"))
    text = complaint(lambda: load(name, tmp_path / "data", download=True))
    for piece in [name, f"{server.url}/missing/{NAMES[0]}", f"{server.url}/broken/{NAMES[0]}", str(tmp_path / "data" / name), *NAMES]:
        assert piece in text


def test_the_real_tables():
    assert MODULE.FILES.keys() == MODULE.MIRRORS.keys()
    for name, files in MODULE.FILES.items():
        assert list(files) == NAMES and len({sha256 for sha256, _ in files.values()}) == 4
        assert all(re.fullmatch("[0-9a-f]{64}", sha256) and size > 4000 for sha256, size in files.values())
        assert len(MODULE.MIRRORS[name]) == 2 and all(url.endswith("/") for url in MODULE.MIRRORS[name])


@pytest.mark.parametrize("name", ["glyphs", "gaussian2d", "nonsense", "."])
def test_nothing_else_is_downloaded(name):
    with pytest.raises(DataError, match="nothing to download"):
        load(name, download=True)
    with pytest.raises(DataError, match="nothing to download"):
        download(name)

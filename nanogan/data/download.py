"""Fetching data sets: from mirrors, in pieces if need be, and never half a file under its real name.

    download("mnist")                     # the four files, into the folder that data_directory names

A file grows as NAME.part; when its size and SHA-256 are right, it is renamed.  Whatever ends a download
early leaves the part, and the next one asks the server for the rest (RFC 9110, section 14, range requests).
"""

import contextlib
import hashlib
import os
import pathlib
import re
import sys

from nanogan.data.files import DataError, data_directory

MIRRORS = {
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    "fashion-mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
}
FILES = {  # name: (SHA-256, bytes)
    "mnist": {
        "train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
        "train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
        "t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
        "t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte.gz": ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
        "train-labels-idx1-ubyte.gz": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
        "t10k-images-idx3-ubyte.gz": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
        "t10k-labels-idx1-ubyte.gz": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
    },
}
CHUNK = 2**16
TRIES = 3  # of one mirror, as long as asking again may help


def download(name, data_dir=None, progress=None):
    """Fetch the files of ``name``, "mnist" or "fashion-mnist", into ``data_dir``/name; returns that folder.

    Files that are there and whole are left alone.  data_dir: see data_directory.  progress: see fetch.
    Raises DataError for other names, and when a file cannot be fetched or written.

    >>> download("glyphs")
    Traceback (most recent call last):
    nanogan.data.files.DataError: glyphs: there is nothing to download; only mnist, fashion-mnist are fetched
    """
    if name not in FILES:
        raise DataError(f"{name}: there is nothing to download; only {', '.join(FILES)} are fetched")
    folder = data_directory(data_dir) / name
    for file, (sha256, size) in FILES[name].items():
        try:
            fetch([mirror + file for mirror in MIRRORS[name]], folder / file, sha256, size, progress)
        except DataError as error:
            raise DataError(f"{name}: {error} ({name} is {', '.join(FILES[name])})") from error
    return folder


def fetch(urls, path, sha256, size, progress=None, timeout=30):
    """Fetch the one file that lies at each of ``urls`` to ``path``, unless it is there; returns the path.

    urls: one, or mirrors that are asked in turn.  sha256: in hexadecimal.  size: in bytes.  progress:
    True shows a bar, False none, None one on a terminal if it takes over a second.  timeout: how many
    seconds a server may say nothing.  Raises DataError when no mirror has the file, naming them all,
    and when it cannot be written; Ctrl-C leaves what came in ``path``.part for the next time.
    """
    urls, path = [urls] if isinstance(urls, str) else list(urls), pathlib.Path(os.path.expanduser(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(path.parent):
            if not _is_whole(path, sha256, size):
                part = path.with_name(path.name + ".part")
                _from_any(urls, part, sha256, size, progress, timeout)
                os.replace(part, path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror or error}); make room there, or name another folder with --data-dir") from error
    return path


@contextlib.contextmanager
def _one_at_a_time(folder):
    """Lock the folder: a second process waits, and then finds the files.  The lock goes when its process does.

    Without locks (Windows, some network drives) two at once spoil each other's part, which its checksum shows.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError):
            import fcntl

            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            _lock(fcntl, descriptor, folder)
        yield


def _lock(fcntl, descriptor, folder):
    with contextlib.suppress(OSError):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"nanogan: another process is fetching files into {folder}; waiting for it", file=sys.stderr)
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_whole(path, sha256, size):
    if not path.is_file() or path.stat().st_size != size:
        return False
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest() == sha256


class _Failure(Exception):
    """Why a mirror did not give the file; ``again``: whether it is worth asking the same one once more."""

    def __init__(self, why, again=False):
        super().__init__(why)
        self.again = again


def _from_any(urls, part, sha256, size, progress, timeout):
    """Make ``part`` whole from the first mirror that can, or raise a DataError that tells what each one said."""
    said = []
    for url in urls:
        for _ in range(TRIES):
            try:
                return _from_one(url, part, sha256, size, progress, timeout)
            except _Failure as failure:
                last = failure
                if not last.again:
                    break
        said.append(f"{url} ({last})")
    kept = f"; {part.stat().st_size} of {size} bytes are kept in {part}" if part.exists() else ""
    raise DataError(
        f"{part.stem} cannot be fetched from {' or '.join(said)}{kept}; check the connection and try again, or put the file into {part.parent} by hand"
    )


def _from_one(url, part, sha256, size, progress, timeout):
    """One attempt: append to ``part`` what is missing, and check the whole."""
    had = part.stat().st_size if part.exists() else 0
    if had < size:
        with _ask(url, part, had, size, timeout) as response:
            _append(response, part, had if response.status == 206 else 0, size, progress)
    if (now := part.stat().st_size) < size:
        raise _Failure(f"it stopped after {now} of {size} bytes", again=True)
    if not _is_whole(part, sha256, size):
        part.unlink()
        raise _Failure("wrong checksum: the file there is damaged or another one", again=had > 0)


def _ask(url, part, had, size, timeout):
    """The open response: status 206 for the bytes from ``had`` on, or 200 for all of them."""
    from http.client import HTTPException  # here, because it takes longer to import than all of nanogan
    from urllib import error, request

    headers = {"User-Agent": "nanogan", "Range": f"bytes={had}-"} if had else {"User-Agent": "nanogan"}
    try:
        response = request.urlopen(request.Request(url, headers=headers), timeout=timeout)
    except error.HTTPError as failure:
        failure.close()
        if failure.code == 416:  # it has no such rest: the part is of something else
            part.unlink(missing_ok=True)
        raise _Failure(f"HTTP {failure.code} {failure.reason}", again=failure.code == 416) from failure
    except (OSError, HTTPException, ValueError) as failure:
        raise _Failure(_reason(failure)) from failure
    if problem := _problem(response, had, size):
        response.close()
        raise _Failure(problem)
    return response


def _problem(response, had, size):
    """What the headers already tell is wrong, or None."""
    start = had if response.status == 206 else 0
    if start and not re.match(rf"bytes {start}-", response.headers.get("Content-Range", "")):
        return "it sent another part than was asked for"
    length = response.headers.get("Content-Length") or ""
    return f"it has {start + int(length)} bytes there, not {size}" if length.isdigit() and start + int(length) != size else None


def _append(response, part, start, size, progress):
    """Write the response to ``part`` from byte ``start`` on: to its end, or until it is more than was promised."""
    from http.client import HTTPException

    from tqdm import tqdm

    options = {"unit": "B", "unit_scale": True, "leave": False, "delay": 1, "disable": None if progress is None else not progress}
    with open(part, "ab") as file, tqdm(desc=part.stem, total=size, initial=start, **options) as bar:
        file.truncate(start)
        while start <= size:
            try:
                piece = response.read1(CHUNK)  # what is there now: a timeout loses nothing
            except (OSError, HTTPException) as failure:
                raise _Failure(f"it broke off after {start} of {size} bytes: {_reason(failure)}", again=True) from failure
            if not piece:
                break
            file.write(piece)
            start += len(piece)
            bar.update(len(piece))
        file.flush()
        os.fsync(file.fileno())


def _reason(failure):
    inner = getattr(failure, "reason", failure)  # URLError wraps what happened
    return (
        "no answer in time"
        if isinstance(inner, TimeoutError)
        else " ".join(str(getattr(inner, "strerror", None) or inner).split()) or type(inner).__name__
    )

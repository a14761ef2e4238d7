"""One file from the web, whole and verified, or not there.

What has come so far waits in ``NAME.part`` and a broken transfer resumes there, by HTTP Range, if the
server says that it is still the same file (``If-Range`` with a strong ETag or the date); the SHA-256 is
checked before the file takes its name. Only http and https are spoken, also after redirects, and never
http where https was asked for.
"""

import http.client
import io
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from .. import atomic
from ..errors import FetchError, StoreError
from ..hashing import sha256_file
from ..progress import Progress, Silent
from ..reading import read_json_object

TIMEOUT = 60.0  # seconds without a byte, or with fewer than LEAST
LEAST = 1 << 14  # bytes
LONGEST_WAIT = 60.0  # seconds between attempts
MOST = 16 << 30  # bytes; the releases of 2022-2025 are about half a GiB
_CHUNK = 1 << 18
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_ELSEWHERE = "give another address of the archive as url"


class _PassingError(Exception):
    """This attempt failed for a reason that may pass; ``wait`` is what the server asked for."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(why)


@dataclass
class _Part:
    """The unfinished file and what the server said of the whole one."""

    path: Path
    url: str

    @property
    def notes(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self) -> str | None:
        """What If-Range may carry: only if the part is of this address."""
        try:
            said = read_json_object(self.notes)
        except StoreError:
            return None
        found = said.get("validator") if said.get("url") == self.url else None
        # What a header may carry, and nothing else.
        return found if isinstance(found, str) and found.isascii() and found.isprintable() else None

    def remember(self, headers: http.client.HTTPMessage) -> None:
        tag = headers.get("ETag", "")
        strong = tag if tag.startswith('"') else None
        atomic.write_json(self.notes, {"url": self.url, "validator": strong or headers.get("Last-Modified")})

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)
        atomic.remove_partial(self.notes)


def forget_part(target: Path) -> None:
    """Remove what an unfinished or killed download of ``target`` left."""
    _Part(target.with_name(target.name + ".part"), "").forget()


def download(
    url: str,
    target: str | Path,
    *,
    sha256: str | None,
    retries: int = 5,
    sleep: Callable[[float], None] = time.sleep,
    progress: Progress | None = None,
) -> str:
    """Get ``url`` into ``target`` and return its SHA-256.

    ``sha256=None`` takes what comes. Tries again up to ``retries`` times in a row that bring almost nothing
    (a server that sends fewer than ``LEAST`` bytes in ``TIMEOUT`` seconds is not waited for), waiting
    1, 2, 4, ... seconds or as long as the server asks. Raises FetchError; a part from which the download can
    resume is kept.
    """
    target = Path(target)
    _check_scheme(url)
    part = _Part(target.with_name(target.name + ".part"), url)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.size > 0
        for _ in range(1 + resumed):  # where it resumes, the first half may be of another file: once more
            _attempts(part, retries, sleep, progress or Silent())
            found = sha256_file(part.path)
            if sha256 is None or found == sha256.casefold():
                part.path.replace(target)
                part.forget()
                return found
            part.forget()
    except OSError as error:
        raise _unwritten(error, target) from error
    what = f"the file is not the one expected: SHA-256 is {found}, not {sha256}"
    raise FetchError(what, where=url, remedy="it was removed; try again, or give the correct url or sha256")


def _attempts(part: _Part, retries: int, sleep: Callable[[float], None], progress: Progress) -> None:
    failed = 0
    while True:
        before = part.size
        try:
            _attempt(part, progress)
            return
        except _PassingError as error:
            failed = 1 if part.size - before >= LEAST else failed + 1
            if failed > retries:
                what = f"gave up after {failed} attempts: {error}"
                remedy = f"fetch again: {part.size:,} bytes are kept, and the download resumes there"
                raise FetchError(what, where=part.url, remedy=remedy) from error
            wait = min(LONGEST_WAIT, max(error.wait, 2.0 ** (failed - 1)))
            progress.say(f"{error}; again in {wait:.0f} s")
            sleep(wait)


def _attempt(part: _Part, progress: Progress) -> None:
    """One request, until the file is whole. Raises _PassingError or FetchError."""
    validator = part.validator() if part.size else None
    headers = {"Accept-Encoding": "identity", "User-Agent": "concept-align"}
    if validator:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": validator}
    try:
        request = urllib.request.Request(part.url, headers=headers)
        opener = urllib.request.build_opener(_Redirects, _Http, _Https)
        with opener.open(request, timeout=TIMEOUT) as response:
            _receive(response, part, progress)
    except urllib.error.HTTPError as error:
        try:
            _answer(error, part)
        finally:
            error.close()
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            why = f"the server's certificate is not valid: {error.reason}"
            raise FetchError(why, where=part.url) from error
        raise _PassingError(f"no connection ({error.reason})") from error
    except (http.client.InvalidURL, ValueError) as error:  # where the server sends us, or a proxy's address
        raise _no_address(part.url, str(error), "a redirect or a proxy of it") from error
    except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
        raise _PassingError(f"the connection broke ({error or type(error).__name__})") from error
    except OSError as error:
        raise _unwritten(error, part.path) from error


def _unwritten(error: OSError, path: Path) -> FetchError:
    told = atomic.explain(error, path)
    return FetchError(told.message, where=told.where, remedy=told.remedy)


def _answer(error: urllib.error.HTTPError, part: _Part) -> None:
    """What an answer that is not 2xx means."""
    if error.code == 416 and part.size:
        # Nothing after what we have: either it is all, and the hash will tell, or it is another file.
        if error.headers.get("Content-Range") == f"bytes */{part.size}":
            return
        part.forget()
        raise _PassingError("the server has another file by now")
    if error.code in _PASSING:
        raise _PassingError(
            f"the server answers {error.code}", _number(error.headers.get("Retry-After")) or 0
        )
    why = " ".join(f"the server answers {error.code} ({error.reason})".split())
    raise FetchError(why, where=part.url, remedy=_ELSEWHERE) from error


def _number(text: str | None) -> int | None:
    """What a header says in digits; None for anything else."""
    return int(text[:18]) if text and text.isascii() and text.isdigit() else None


def _receive(response: Any, part: _Part, progress: Progress) -> None:
    start, length = 0, _number(response.headers.get("Content-Length"))
    if response.status == 206:
        match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        start = -1 if match is None else _number(match[1]) or 0
        if start != part.size:
            part.forget()
            raise _PassingError("the server sent another range than was asked for")
    else:
        # In this order: what is remembered must never describe other bytes.
        part.forget()
        part.remember(response.headers)
    whole = None if length is None else start + length
    _check_room(part, whole or 0)
    bar = progress.bar(f"download {part.path.stem}", whole, done=start, unit="bytes")
    with part.path.open("ab" if start else "wb") as file:
        while (whole is None or file.tell() < whole) and (chunk := response.read1(_CHUNK)):
            file.write(chunk)
            bar.advance(len(chunk))
            if file.tell() > MOST:
                raise FetchError(f"more than {MOST >> 30} GiB: this is no UD release", where=part.url)
    if whole is not None and part.size != whole:
        raise _PassingError(f"the connection broke after {part.size:,} of {whole:,} bytes")


def _check_room(part: _Part, whole: int) -> None:
    if whole > MOST:
        raise FetchError(f"{whole:,} bytes: this is no UD release", where=part.url)
    free, missing = shutil.disk_usage(part.path.parent).free, whole - part.size
    if missing > free:
        what = f"{missing:,} bytes are to come and {free:,} are free"
        remedy = "free space, or choose another out folder"
        raise FetchError(what, where=str(part.path.parent), remedy=remedy)


def _no_address(url: str, why: str, what: str = "") -> FetchError:
    return FetchError(f"{what or repr(url)} is no address ({why})", where=url, remedy=_ELSEWHERE)


def _check_scheme(url: str, asked: str | None = None) -> None:
    """Refuse an address that is not http(s), and a way from https to http."""
    try:
        scheme = urlsplit(url).scheme.casefold()
        _ = urlsplit(url).port
    except ValueError as error:
        raise _no_address(
            asked or url, str(error), f"{url!r}, where the server sends us," * bool(asked)
        ) from error
    if scheme not in ("http", "https"):
        sent = ", and the server sends us there" if asked else ""
        raise FetchError(f"{url!r} is not an http or https address{sent}", where=asked, remedy=_ELSEWHERE)
    if asked and urlsplit(asked).scheme.casefold() == "https" and scheme == "http":
        why = f"the server sends us from https to {url!r}, which anyone on the way can change"
        raise FetchError(why, where=asked, remedy=_ELSEWHERE)


class _Pace(io.RawIOBase):
    """What a server sends; TimeoutError where that is fewer than LEAST bytes in TIMEOUT seconds.

    A socket's own timeout begins anew with every byte.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._begin, self._came = raw, time.monotonic(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        came = self._raw.readinto(room) or 0  # type: ignore[attr-defined]
        self._came += came
        if came and time.monotonic() - self._begin > TIMEOUT:
            if self._came < LEAST:
                raise TimeoutError(f"{self._came:,} bytes in {TIMEOUT:.0f} seconds")
            self._begin, self._came = time.monotonic(), 0
        return came

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Paced(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Pace(sock.makefile("rb", buffering=0)))


class _Opening(urllib.request.AbstractHTTPHandler):
    def do_open(self, http_class: Any, *args: Any, **options: Any) -> Any:
        paced: Any = type("Paced", (http_class,), {"response_class": _Paced})
        return super().do_open(paced, *args, **options)


class _Http(_Opening, urllib.request.HTTPHandler):
    pass


class _Https(_Opening, urllib.request.HTTPSHandler):
    pass


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Only http and https are followed: no other scheme is ever opened."""

    max_redirections = 5
    max_repeats = 2

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _check_scheme(newurl, asked=req.full_url)
        if fp is not None:
            fp.close()  # what comes with a redirect would be read to its end
        return super().redirect_request(req, fp, code, msg, headers, newurl)

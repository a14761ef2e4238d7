import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from concept_align.errors import FetchError
from concept_align.treebanks.download import download

BODY = bytes(range(256)) * 4096  # 1 MiB
GOOD = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves BODY on loopback; ``faults`` are played one a request, then it behaves."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.etag, self.ranges = BODY, '"one"', True
        self.modified: str | None = None
        self.faults: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args):
        pass

    def drip(self, fault):
        """Ten bytes a second for as long as somebody listens: of a header or of the file."""
        if fault == "drip body":
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            pass

    def do_GET(self):
        server = self.server
        server.asked.append(dict(self.headers))
        if self.path.startswith("/to/") or self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        if self.path == "/nowhere":
            self.send_error(404)
            return
        fault = server.faults.pop(0) if server.faults else ""
        if fault.startswith("drip"):
            self.drip(fault)
            return
        if ":" in fault:  # another value of a header
            name, _, value = fault.partition(": ")
            self.send_response(503 if name == "Retry-After" else 302 if name == "Location" else 200)
            self.send_header(name, value)
            self.end_headers()
            self.wfile.write(server.body if name == "Content-Length" else b"")
            return
        if fault.isdigit():
            self.send_response(int(fault))
            self.send_header("Retry-After", "7")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, status = 0, 200
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, server.etag, server.modified)
        if wanted and server.ranges and same:
            start, status = int(wanted[1]), 206
        if start >= len(server.body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(status)
        if server.etag:
            self.send_header("ETag", server.etag)
        if server.modified:
            self.send_header("Last-Modified", server.modified)
        if status == 206:
            told = start + 1 if fault == "wrong range" else start
            self.send_header("Content-Range", f"bytes {told}-{len(server.body) - 1}/{len(server.body)}")
        self.send_header("Content-Length", str(len(server.body) - start))
        self.end_headers()
        stop = start + 300_000 if fault == "cut" else len(server.body)
        self.wfile.write(server.body[start:stop])


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def get(server, tmp_path):
    def run(path="/file", sha256=GOOD, **options):
        run.waits = []
        return download(f"{server.url}{path}", run.target, sha256=sha256, sleep=run.waits.append, **options)

    run.target = tmp_path / "file"
    run.part = tmp_path / "file.part"
    return run


def only_the_file(get) -> bool:
    return [path.name for path in get.target.parent.iterdir()] == ["file"]


def test_a_file_comes_whole_and_alone(get):
    assert get() == GOOD
    assert get.target.read_bytes() == BODY
    assert only_the_file(get)


def test_a_broken_transfer_goes_on_where_it_was(server, get):
    server.faults = ["cut", "cut"]
    get()
    assert get.target.read_bytes() == BODY
    assert [asked.get("Range") for asked in server.asked] == [None, "bytes=300000-", "bytes=600000-"]
    assert server.asked[1]["If-Range"] == '"one"'
    assert only_the_file(get)


def test_a_part_of_an_earlier_run_is_gone_on_with(server, get):
    server.faults = ["cut"]
    with pytest.raises(FetchError, match="300,000 bytes are kept"):
        get(retries=0)
    assert get.part.stat().st_size == 300_000
    server.asked.clear()
    get()
    assert [asked.get("Range") for asked in server.asked] == ["bytes=300000-"]


def test_a_date_serves_where_there_is_no_strong_etag(server, get):
    server.etag, server.modified = 'W/"weak"', "Sun, 15 May 2022 00:00:00 GMT"
    server.faults = ["cut"]
    get()
    assert server.asked[1]["If-Range"] == server.modified


def test_a_file_that_changed_in_between_is_taken_from_the_start(server, get):
    server.faults = ["cut"]
    with pytest.raises(FetchError):
        get(retries=0)
    server.body, server.etag = BODY[::-1], '"two"'
    get(sha256=hashlib.sha256(server.body).hexdigest())
    assert get.target.read_bytes() == BODY[::-1]


def test_a_part_of_another_address_is_not_gone_on_with(server, get):
    server.faults = ["cut"]
    with pytest.raises(FetchError):
        get(retries=0)
    server.asked.clear()
    get("/other")
    assert "Range" not in server.asked[0]


def test_a_part_of_unknown_origin_is_not_trusted(server, get):
    get.part.write_bytes(b"something else")
    get()
    assert "Range" not in server.asked[0]
    assert get.target.read_bytes() == BODY


def test_a_part_that_lies_about_its_origin_is_found_by_the_hash(server, get):
    get.part.write_bytes(b"x" * 1000)
    notes = {"url": f"{server.url}/file", "validator": '"one"'}
    get.part.with_name("file.part.json").write_text(json.dumps(notes))
    get()
    assert get.target.read_bytes() == BODY


def test_a_part_that_is_complete_is_only_checked(server, get):
    get.part.write_bytes(BODY)
    notes = {"url": f"{server.url}/file", "validator": '"one"'}
    get.part.with_name("file.part.json").write_text(json.dumps(notes))
    assert get() == GOOD
    assert only_the_file(get)


def test_a_server_without_ranges_starts_over(server, get):
    server.ranges = False
    server.faults = ["cut", "cut"]
    get()
    assert get.target.read_bytes() == BODY


def test_a_server_that_sends_another_range_than_it_was_asked_for_is_not_believed(server, get):
    server.faults = ["cut", "wrong range"]
    get()
    assert get.target.read_bytes() == BODY


def test_passing_errors_are_tried_again_after_the_wait_that_was_asked_for(server, get):
    server.faults = ["500", "503", "429"]
    get()
    assert get.waits == [7.0, 7.0, 7.0]
    assert get.target.read_bytes() == BODY


def test_errors_that_do_not_pass_end_after_the_retries(server, get):
    server.faults = ["500"] * 10
    with pytest.raises(FetchError, match="gave up after 3 attempts"):
        get(retries=2)
    assert not get.target.exists()


def test_no_server_is_an_error_with_a_remedy_and_growing_waits(tmp_path, server):
    url, waits = server.url, []
    server.server_close()
    with pytest.raises(FetchError, match="no connection"):
        download(f"{url}/file", tmp_path / "file", sha256=None, retries=3, sleep=waits.append)
    assert waits == [1, 2, 4]


def test_what_is_not_there_is_said_at_once(server, get):
    with pytest.raises(FetchError, match="404"):
        get("/nowhere")
    assert get.waits == [] and len(server.asked) == 1


def test_a_wrong_hash_leaves_no_file(server, get):
    with pytest.raises(FetchError, match=f"SHA-256 is {GOOD}"):
        get(sha256="0" * 64)
    assert list(get.target.parent.iterdir()) == []


def test_without_a_hash_what_comes_is_taken_and_its_hash_told(get):
    assert get(sha256=None) == GOOD


def test_redirects_are_followed(server, get):
    assert get("/to//file") == GOOD
    assert len(server.asked) == 2


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_redirects_to_other_than_http_are_refused(server, get, place):
    with pytest.raises(FetchError):
        get(f"/to/{place}", sha256=None)
    assert not get.target.exists() and get.waits == []


@pytest.mark.parametrize("path", ["/loop", "/to/" * 30 + "/file"])
def test_redirects_without_an_end_are_given_up(server, get, path):
    with pytest.raises(FetchError, match="302"):
        get(path)
    assert len(server.asked) < 10 and get.waits == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "/etc/passwd", "UD_A"])
def test_other_addresses_than_http_are_refused(tmp_path, url):
    with pytest.raises(FetchError, match="http"):
        download(url, tmp_path / "file", sha256=None)


def test_from_https_there_is_no_way_to_http():
    import urllib.request

    from concept_align.treebanks.download import _Redirects

    request = urllib.request.Request("https://here.example/file")
    with pytest.raises(FetchError, match="from https"):
        _Redirects().redirect_request(request, None, 302, "", {}, "http://there.example/file")
    followed = _Redirects().redirect_request(request, None, 302, "", {}, "https://there.example/file")
    assert followed.full_url == "https://there.example/file"


def test_no_room_on_the_disk_is_said_before_the_transfer(server, get, monkeypatch):
    import collections

    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 10, 1000))
    with pytest.raises(FetchError, match="1,000 are free"):
        get()


NO_NUMBERS = ["²", "-1", "1e3", "١", "", " ", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "9" * 5000, "0x10"]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_wait_that_is_no_number_is_no_wait(server, get, value):
    server.faults = [f"Retry-After: {value}".encode().decode("latin-1")]
    get()
    assert get.waits in ([1], [60]) and get.target.read_bytes() == BODY


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_length_that_is_no_number_is_not_known(server, get, value):
    server.faults = [f"Content-Length: {value}".encode().decode("latin-1")]
    if value.startswith("9"):
        with pytest.raises(FetchError, match="no UD release"):
            get()
    else:
        get()
        assert get.target.read_bytes() == BODY


@pytest.mark.parametrize(
    "place",
    [
        "http://[::1",
        "http://[",
        "http://here:port/",
        "http://:-1/",
        "http://a..b/",
        "http://" + "a" * 70 + "/",
    ],
)
def test_a_place_that_is_no_address_is_refused(server, get, place):
    server.faults = [f"Location: {place}"]
    with pytest.raises(FetchError, match=r"no address|not an http|no connection|gave up"):
        get(retries=0)
    with pytest.raises(FetchError, match=r"no address|not an http|no connection|gave up"):
        download(place, get.target, sha256=None, retries=0, sleep=lambda seconds: None)
    assert not get.target.exists()


@pytest.mark.parametrize("fault", ["drip body", "drip head"])
def test_a_server_that_drips_is_not_waited_for(server, get, fault, monkeypatch):
    monkeypatch.setattr("concept_align.treebanks.download.TIMEOUT", 0.4)
    server.faults = [fault] * 3
    began = time.monotonic()
    with pytest.raises(FetchError, match=r"gave up after 2 attempts: .*bytes in"):
        get(retries=1)
    assert time.monotonic() - began < 4
    get()
    assert get.target.read_bytes() == BODY


def test_what_comes_with_a_redirect_is_not_read(server, get, monkeypatch):
    handler = Handler.do_GET

    def endless(self):
        if self.path != "/endless":
            return handler(self)
        self.send_response(302)
        self.send_header("Location", "/file")
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            return None

    monkeypatch.setattr(Handler, "do_GET", endless)
    assert get("/endless") == GOOD


def test_a_folder_where_the_file_goes_is_said(get):
    get.target.mkdir()
    with pytest.raises(FetchError, match="cannot write"):
        get()
    assert get.target.is_dir()

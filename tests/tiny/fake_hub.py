"""As much of the Hugging Face hub as an upload and a download ask for, on this machine."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import huggingface_hub
import pytest
from huggingface_hub import constants

Files = dict[str, bytes]


class FakeHub:
    """``commits[repository]``: of each commit (the last is ``main``), its hash and all its files."""

    def __init__(self) -> None:
        self.commits: dict[str, list[tuple[str, Files]]] = {}
        self.asked: list[str] = []  # "GET /api/..."
        self.url = ""

    def files(self, repository: str, revision: str = "main") -> tuple[str, Files] | None:
        """The commit and its files; None where there is none."""
        commits = self.commits.get(repository, [])
        found = [one for one in commits if one[0] == revision]
        return commits[-1] if commits and revision == "main" else found[0] if found else None

    def commit(self, repository: str, lines: list[bytes]) -> str:
        """Take up a commit as the client sends it: JSON in lines."""
        files = dict(self.commits[repository][-1][1])
        for line in map(json.loads, lines):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        sha = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[repository].append((sha, files))
        return sha

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.asked.append(f"{method} {path}")
        if path == "/api/repos/create":
            given = json.loads(body)
            name = f"{given.get('organization') or 'me'}/{given['name']}"
            self.commits.setdefault(name, [("0" * 40, {})])
            return _json({"url": f"{self.url}/{name}", "name": name})
        if path == "/api/validate-yaml":
            return _json({"errors": [], "warnings": []})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/.*", path):
            paths = [file["path"] for file in json.loads(body)["files"]]
            return _json(
                {"files": [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in paths]}
            )
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/.*", path):
            sha = self.commit(found[1], body.splitlines())
            return _json({"commitUrl": f"{self.url}/{found[1]}/commit/{sha}", "commitOid": sha})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path):
            name, kind, revision = found.groups()
            there = self.files(name, revision or "main")
            if there and kind == "tree":
                return _json(
                    [
                        {"type": "file", "path": p, "size": len(content), "oid": _oid(content)}
                        for p, content in there[1].items()
                    ]
                )
            if there:
                siblings = [{"rfilename": p} for p in there[1]]
                return _json({"id": name, "sha": there[0], "siblings": siblings})
            return _missing("RevisionNotFound" if name in self.commits else "RepoNotFound")
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.*)", path):
            there = self.files(found[1], found[2])
            if there is None or found[3] not in there[1]:
                return _missing("EntryNotFound")
            content = there[1][found[3]]
            headers = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": there[0]}
            return 200, headers, content
        return _missing("RepoNotFound")


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def _json(value: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _missing(code: str) -> tuple[int, dict[str, str], bytes]:
    return 404, {"X-Error-Code": code, "X-Error-Message": "not found"}, b""


@contextmanager
def serve(patch: pytest.MonkeyPatch, cache: object) -> Iterator[FakeHub]:
    """A hub that huggingface_hub speaks to, with ``cache`` in place of the user's own."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            status, headers, content = hub.answer(self.command, self.path.partition("?")[0], body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = _answer

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    patch.setenv("NO_PROXY", "127.0.0.1")
    patch.setenv("no_proxy", "127.0.0.1")
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    patch.setattr(constants, "ENDPOINT", hub.url)
    patch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    patch.setattr(constants, "HF_HUB_CACHE", str(cache))
    patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    if hasattr(huggingface_hub, "close_session"):
        huggingface_hub.close_session()  # it keeps the proxies it began with
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()

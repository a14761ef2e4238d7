import hashlib
import http.server
import io
import json
import tarfile
import threading

import pytest

from concept_align.errors import FetchError, UsageError
from concept_align.lock import writing
from concept_align.treebanks.fetch import fetch_treebanks as fetch
from concept_align.treebanks.fetch import plan, read_manifest

EN, PUD, ZZ = "UD_English-EWT", "UD_English-PUD", "UD_Zz-Zz"
FILES = {
    f"{EN}/en_ewt-ud-test.conllu": b"1",
    f"{EN}/LICENSE.txt": b"free",
    f"{PUD}/en_pud-ud-test.conllu": b"2",
    f"{ZZ}/zz_zz-ud-train.conllu": b"3",
}


def release(files=FILES) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as out:
        for name, content in files.items():
            info = tarfile.TarInfo(f"ud-treebanks-v9.9/{name}")
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


BODY = release()
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.url, running.asked = f"http://127.0.0.1:{running.server_port}/ud.tgz", asked
        yield running
        running.shutdown()
        thread.join()


def test_a_release_is_downloaded_verified_and_unpacked(server, tmp_path):
    result = fetch(tmp_path, None, release="9.9", url=server.url, sha256=SHA.upper())
    assert result.written == (EN, PUD, ZZ) and result.verified and result.sha256 == SHA
    for name, content in FILES.items():
        assert (tmp_path / name).read_bytes() == content


def test_more_languages_need_no_second_download(server, tmp_path):
    first = fetch(tmp_path, "en", release="9.9", url=server.url, sha256=SHA)
    assert first.written == (EN,)
    second = fetch(tmp_path, "en,en_pud", release="9.9", url=server.url, sha256=SHA, offline=True)
    assert (second.written, second.present) == ((PUD,), (EN,))
    assert len(server.asked) == 1


def test_what_is_all_there_needs_neither_network_nor_archive(server, tmp_path):
    fetch(tmp_path, "en", release="9.9", url=server.url, sha256=SHA)
    (tmp_path / "ud-treebanks-v9.9.tgz").unlink()
    result = fetch(tmp_path, "en", release="9.9", url=server.url, sha256=SHA)
    assert (result.present, result.archive) == ((EN,), None)
    assert len(server.asked) == 1


def test_a_release_without_a_known_hash_needs_one_or_the_word_that_it_may_be_unverified(server, tmp_path):
    with pytest.raises(UsageError, match="unverified"):
        fetch(tmp_path, None, release="9.9", url=server.url)
    with pytest.raises(UsageError, match="contradict"):
        fetch(tmp_path, None, release="9.9", url=server.url, sha256=SHA, unverified=True)
    assert server.asked == []
    result = fetch(tmp_path, None, release="9.9", url=server.url, unverified=True)
    assert result.sha256 == SHA and not result.verified


def test_another_address_does_not_lift_the_known_hash(server, tmp_path):
    with pytest.raises(FetchError, match="SHA-256"):
        fetch(tmp_path, None, release="2.10", url=server.url)
    assert not list(tmp_path.glob("UD_*")) and not list(tmp_path.glob("*.tgz"))


def test_an_archive_that_is_not_the_expected_one_is_fetched_again(server, tmp_path):
    archive = tmp_path / "ud-treebanks-v9.9.tgz"
    archive.write_bytes(BODY[:100])
    with pytest.raises(FetchError, match="not the one expected"):
        fetch(tmp_path, None, release="9.9", url=server.url, sha256=SHA, offline=True)
    assert archive.exists() and server.asked == []
    assert fetch(tmp_path, None, release="9.9", url=server.url, sha256=SHA).written == (EN, PUD, ZZ)


def test_offline_without_the_archive_says_where_to_put_it(tmp_path):
    with pytest.raises(FetchError, match="ud-treebanks-v2\\.10\\.tgz"):
        fetch(tmp_path, None, release="2.10", offline=True)


def test_treebanks_that_the_release_does_not_have_are_told(server, tmp_path):
    result = fetch(tmp_path, "en,de,UD_Zz-Zz", release="9.9", url=server.url, sha256=SHA)
    assert (result.written, result.missing) == ((EN, ZZ), ("UD_German-GSD",))
    with pytest.raises(FetchError, match="none of the treebanks"):
        fetch(tmp_path, "de", release="9.9", url=server.url, sha256=SHA)


@pytest.mark.parametrize(
    "wrong", [{"release": "2.99"}, {"release": "../2"}, {"sha256": "abc"}, {"langs": "enn"}]
)
def test_what_is_asked_wrongly_is_refused_before_anything_is_done(tmp_path, wrong):
    with pytest.raises(UsageError):
        plan(**{"release": "2.10", "out": tmp_path / "new", **wrong})
    assert not (tmp_path / "new").exists()


def test_the_release_of_the_method_is_known_with_its_hash(tmp_path):
    todo = plan(tmp_path, "all", release="2.10")
    assert todo.url.startswith("https://") and todo.url.endswith("/11234/1-4758/ud-treebanks-v2.10.tgz")
    assert len(todo.wanted) == 43 and not todo.complete
    for release in ("2.5", "2.16"):
        with pytest.raises(UsageError, match="no SHA-256 is known"):
            plan(tmp_path, release=release)


def test_checksums_of_what_was_unpacked_are_in_the_manifest(server, tmp_path):
    fetch(tmp_path, "en", release="9.9", url=server.url, sha256=SHA)
    fetch(tmp_path, "en_pud", release="9.9", url=server.url, sha256=SHA)
    manifest = read_manifest(tmp_path)
    assert set(manifest["treebanks"]) == {EN, PUD}
    assert manifest["treebanks"][PUD]["files"] == {
        "en_pud-ud-test.conllu": {"sha256": hashlib.sha256(b"2").hexdigest()}
    }


@pytest.mark.parametrize("text", ["{", "[]", '{"treebanks": {"UD_X-Y": 3}}', "\u00e4"])
def test_a_manifest_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "MANIFEST.json").write_text(text, encoding="latin-1")
    with pytest.raises(FetchError, match=r"not a manifest|not JSON"):
        read_manifest(tmp_path)


def test_a_second_fetch_into_the_same_folder_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr("concept_align.lock.WAIT", 0)
    pytest.importorskip("fcntl")
    with writing(tmp_path), pytest.raises(FetchError, match="another process is writing"):
        fetch(tmp_path, None, release="9.9", url=server.url, sha256=SHA)
    assert fetch(tmp_path, None, release="9.9", url=server.url, sha256=SHA).written


def test_what_a_killed_run_left_is_removed(server, tmp_path):
    (tmp_path / ".unpacking-old" / EN).mkdir(parents=True)
    fetch(tmp_path, None, release="9.9", url=server.url, sha256=SHA)
    assert not list(tmp_path.glob(".unpacking-*"))


def test_the_manifest_is_json_that_others_can_read(server, tmp_path):
    fetch(tmp_path, None, release="9.9", url=server.url, sha256=SHA)
    assert json.loads((tmp_path / "MANIFEST.json").read_text())["release"] == "UD v9.9"

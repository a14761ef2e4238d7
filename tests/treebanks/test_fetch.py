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
from concept_align.treebanks.fetch import plan
from concept_align.treebanks.manifest import read_manifest

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
            if self.path.endswith("nowhere"):
                return self.send_error(404)
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


@pytest.mark.parametrize("offline", [False, True])
def test_an_archive_that_is_not_the_expected_one_is_somebody_s_and_stays(server, tmp_path, offline):
    archive = tmp_path / "ud-treebanks-v9.9.tgz"
    archive.write_bytes(BODY[:100])
    with pytest.raises(FetchError, match="not the one expected") as caught:
        fetch(tmp_path, None, release="9.9", url=server.url, sha256=SHA, offline=offline)
    assert "move it away" in str(caught.value)
    assert archive.read_bytes() == BODY[:100] and server.asked == []
    archive.unlink()
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


def settings(server, **more):
    return {"release": "9.9", "url": server.url, "sha256": SHA, **more}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_what_a_fetch_has_not_put_there_is_neither_replaced_nor_removed(server, tmp_path, force, what):
    mine, out = tmp_path / "mine.txt", tmp_path / "ud"
    (out / PUD).parent.mkdir()
    mine.write_text("mine")
    if what == "folder":
        (out / PUD).mkdir()
        (out / PUD / "en_pud-ud-test.conllu").write_text("mine")
    elif what == "file":
        (out / PUD).write_text("mine")
    else:
        (out / PUD).symlink_to(mine)
    for download_needed in (True, False):
        if force or what != "folder":
            with pytest.raises(FetchError, match=PUD):
                fetch(out, None, force=force, **settings(server))
            assert [path.name for path in out.iterdir() if path.suffix != ".tgz"] == [PUD]
        else:
            result = fetch(out, None, force=force, **settings(server))
            assert (result.foreign, set(result.present) >= {PUD}) == ((PUD,), True), download_needed
            assert set(read_manifest(out)["treebanks"]) == {EN, ZZ}
    assert mine.read_text() == "mine"
    kept = out / PUD / "en_pud-ud-test.conllu" if what == "folder" else out / PUD
    assert kept.read_text() == "mine"


def test_force_replaces_what_a_fetch_put_there_and_keeps_files_of_others(server, tmp_path):
    fetch(tmp_path, None, **settings(server))
    (tmp_path / EN / "en_ewt-ud-test.conllu").write_text("changed")
    assert EN in fetch(tmp_path, None, force=True, **settings(server)).written
    assert (tmp_path / EN / "en_ewt-ud-test.conllu").read_bytes() == b"1"
    (tmp_path / EN / "LICENSE.txt").unlink()
    (tmp_path / EN / "mine.txt").write_text("mine")
    (tmp_path / PUD / "en_pud-ud-test.conllu").write_text("changed")
    with pytest.raises(FetchError, match=r"mine\.txt"):
        fetch(tmp_path, None, force=True, **settings(server))
    assert (tmp_path / EN / "mine.txt").read_text() == "mine"
    assert (tmp_path / PUD / "en_pud-ud-test.conllu").read_text() == "changed"


def test_files_of_the_release_before_are_replaced_with_their_treebank(server, tmp_path, monkeypatch):
    fetch(tmp_path, None, **settings(server))
    (tmp_path / "ud-treebanks-v9.9.tgz").unlink()
    newer = release({f"{EN}/en_ewt-ud-train.conllu": b"9", f"{EN}/README.md": b"new"})
    monkeypatch.setitem(globals(), "BODY", newer)
    sha = hashlib.sha256(newer).hexdigest()
    fetch(tmp_path, "en", force=True, **settings(server, sha256=sha))
    assert sorted(path.name for path in (tmp_path / EN).iterdir()) == ["README.md", "en_ewt-ud-train.conllu"]


def test_a_treebank_that_has_the_bytes_of_the_archive_is_listed_from_then_on(server, tmp_path):
    fetch(tmp_path, None, **settings(server))
    whole = (tmp_path / "MANIFEST.json").read_bytes()
    (tmp_path / "MANIFEST.json").unlink()
    (tmp_path / ".unpacking-old").mkdir()
    result = fetch(tmp_path, "en,en_pud,UD_Zz-Zz", **settings(server))
    assert (result.present, result.written, result.foreign) == ((EN, PUD, ZZ), (), ())
    assert (tmp_path / "MANIFEST.json").read_bytes() == whole
    assert not list(tmp_path.glob(".*"))


def test_what_killed_runs_left_goes_though_nothing_else_is_to_be_done(server, tmp_path):
    fetch(tmp_path, "en", **settings(server))
    (tmp_path / ".unpacking-old" / EN).mkdir(parents=True)
    (tmp_path / ".lock").write_text("")
    assert fetch(tmp_path, "en", **settings(server)).archive is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MANIFEST.json", EN, "ud-treebanks-v9.9.tgz"]


def test_a_manifest_that_cannot_be_read_is_told_before_anything_is_done(server, tmp_path):
    (tmp_path / "MANIFEST.json").write_text('{"treebanks": {"UD_X-Y": {"files": {"a": 1}}}}')
    with pytest.raises(FetchError, match="not a manifest"):
        fetch(tmp_path, None, **settings(server))
    assert server.asked == [] and [path.name for path in tmp_path.iterdir()] == ["MANIFEST.json"]

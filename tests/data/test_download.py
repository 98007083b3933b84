"""Fetching from real servers on this machine: ones that cut, lie, stall, change and refuse.

Guards: checksums of catalogue.py; transfer.py for cut and endless answers; write_atomically for the place.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import resource
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mnistweb.data import DataError, DownloadError, MissingDataError
from mnistweb.data import catalogue as catalogue_module
from mnistweb.data.catalogue import DataFile, KnownDataset
from mnistweb.data.download import fetch
from tests.data.mirrors import Mirror, running_mirror
from tests.data.test_lzw import compressed, text_like

CONTENT = text_like(40_000)
PACKED = gzip.compress(CONTENT, mtime=0)
COMPRESSED = compressed(CONTENT)
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Mirror]]:
    """Starts real servers, as many as a test asks for."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with contextlib.ExitStack() as servers:
        yield lambda: servers.enter_context(running_mirror(PACKED))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts a data set called "tiny" of one file in the catalogue."""
    monkeypatch.setenv("MNISTWEB_INSTANCE", str(tmp_path / "instance"))
    monkeypatch.delenv("MNISTWEB_DATA_DIR", raising=False)

    def register(*urls: str) -> None:
        file = DataFile("tiny.gz", MD5, urls, other_names=("tiny", "tiny.Z"))
        tiny = KnownDataset("tiny", "Tiny", (file,), credit="", licence="", folder="tiny")
        monkeypatch.setitem(catalogue_module.FETCHABLE, "tiny", tiny)

    return register


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_fetched_checked_and_put_in_its_place(serve, known, tmp_path: Path) -> None:
    mirror = serve()
    known(mirror.url + "tiny.gz")
    reports: list[tuple[str, int, int | None]] = []
    (path,) = fetch("tiny", tmp_path, progress=lambda *report: reports.append(report))
    assert path == tmp_path / "tiny" / "tiny.gz"
    assert path.read_bytes() == PACKED
    assert files_in(tmp_path) == ["tiny/tiny.gz"]
    assert reports[0] == ("tiny.gz", 0, len(PACKED))
    assert reports[-1] == ("tiny.gz", len(PACKED), len(PACKED))


def test_what_is_there_and_right_is_not_fetched_again(serve, known, tmp_path: Path) -> None:
    mirror = serve()
    known(mirror.url)
    fetch("tiny", tmp_path)
    fetch("tiny", tmp_path)
    assert len(mirror.seen_ranges) == 1


@pytest.mark.parametrize("damaged", [b"", PACKED[:500], b"other", gzip.compress(b"other")])
def test_a_damaged_file_in_place_is_replaced(serve, known, tmp_path: Path, damaged: bytes) -> None:
    mirror = serve()
    known(mirror.url)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.gz").write_bytes(damaged)
    (path,) = fetch("tiny", tmp_path)
    assert path.read_bytes() == PACKED


def test_a_broken_connection_is_taken_up_where_it_broke(serve, known, tmp_path: Path) -> None:
    mirror = serve()
    mirror.cut_after, mirror.cuts = 50_000, 2
    known(mirror.url)
    (path,) = fetch("tiny", tmp_path)
    assert path.read_bytes() == PACKED
    assert mirror.seen_ranges == [None, "bytes=50000-", "bytes=100000-"]


def test_a_mirror_without_ranges_is_read_from_the_start_again(serve, known, tmp_path: Path) -> None:
    mirror = serve()
    mirror.cut_after, mirror.cuts, mirror.ranges = 50_000, 1, False
    known(mirror.url)
    reports: list[tuple[str, int, int | None]] = []
    (path,) = fetch("tiny", tmp_path, progress=lambda *report: reports.append(report))
    assert path.read_bytes() == PACKED
    assert reports[-1] == ("tiny.gz", len(PACKED), len(PACKED))


def test_the_next_run_goes_on_where_the_last_one_broke_off(serve, known, tmp_path: Path) -> None:
    mirror = serve()
    mirror.cut_after = 10_000
    known(mirror.url)
    with pytest.raises(DownloadError, match=r"tiny\.gz could not be fetched: .* broke off after 40,000 of"):
        fetch("tiny", tmp_path)
    assert not (tmp_path / "tiny").exists()
    mirror.cut_after = None
    (path,) = fetch("tiny", tmp_path)
    assert mirror.seen_ranges[-1] == "bytes=40000-"
    assert path.read_bytes() == PACKED
    assert files_in(tmp_path) == ["tiny/tiny.gz"]


def test_a_rest_that_does_not_fit_the_beginning_is_loaded_again_in_full(serve, known, tmp_path: Path) -> None:
    mirror = serve()
    mirror.body, mirror.cut_after = bytes(len(PACKED)), 10_000
    known(mirror.url)
    with pytest.raises(DownloadError):
        fetch("tiny", tmp_path)
    mirror.body, mirror.cut_after = PACKED, None
    (path,) = fetch("tiny", tmp_path)
    assert path.read_bytes() == PACKED


def test_a_rest_longer_than_the_new_file_is_given_up(serve, known, tmp_path: Path) -> None:
    mirror = serve()
    mirror.body, mirror.cut_after = bytes(10 * len(PACKED)), len(PACKED)
    known(mirror.url)
    with pytest.raises(DownloadError):
        fetch("tiny", tmp_path)
    mirror.body, mirror.cut_after = PACKED, None
    (path,) = fetch("tiny", tmp_path)
    assert path.read_bytes() == PACKED


def test_the_next_mirror_is_tried_when_the_first_fails(serve, known, tmp_path: Path) -> None:
    missing, cutting, lying, good = serve(), serve(), serve(), serve()
    missing.status = 404
    cutting.cut_after = 0
    lying.body = gzip.compress(b"something else")
    known("http://127.0.0.1:1/", missing.url, cutting.url, lying.url, good.url)
    (path,) = fetch("tiny", tmp_path)
    assert path.read_bytes() == PACKED
    assert files_in(tmp_path) == ["tiny/tiny.gz"]


@pytest.mark.parametrize(
    ("manners", "words"),
    [
        ({"status": 404}, "answered 404"),
        ({"status": 503}, "answered 503"),
        ({"body": b"<!DOCTYPE html><h1>Sign in</h1>"}, r"sent the wrong content \(a web page\)"),
        ({"body": b""}, r"sent the wrong content \(an empty file\)"),
        ({"body": gzip.compress(b"other")}, "bytes with another checksum"),
        ({"body": PACKED[:-10]}, "sent a damaged file .*cut off"),
        ({"body": PACKED[:-6] + b"\0" + PACKED[-5:]}, "sent a damaged file"),
        ({"body": gzip.compress(bytes(300_000_000), 1)}, "sent a damaged file .*holds more than"),
        ({"body": PACKED[:9000], "says_length": False}, "cut off"),
        ({"cut_after": 0}, "broke off after 0 of"),
    ],
)
def test_a_mirror_that_fails_gets_one_clear_line(
    serve, known, tmp_path: Path, manners: dict[str, object], words: str
) -> None:
    mirror = serve()
    vars(mirror).update(manners)
    known(mirror.url)
    line = rf"^tiny\.gz could not be fetched: 127\.0\.0\.1:\d+ .*{words}.*$"
    with pytest.raises(DownloadError, match=line) as raised:
        fetch("tiny", tmp_path)
    assert "\n" not in str(raised.value)
    assert files_in(tmp_path) == []


def test_a_mirror_that_does_not_answer_is_given_up(serve, known, tmp_path: Path) -> None:
    mirror = serve()
    mirror.stall = True
    known(mirror.url)
    with pytest.raises(DownloadError, match="did not answer in time"):
        fetch("tiny", tmp_path, timeout_seconds=0.2)


def test_a_download_without_end_is_stopped(serve, known, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("mnistweb.data.transfer._MAX_BYTES", 100_000)
    mirror = serve()
    mirror.says_length = False
    known(mirror.url)
    with pytest.raises(DownloadError, match="sent more than 100,000 bytes"):
        fetch("tiny", tmp_path)
    assert files_in(tmp_path) == []


def test_a_disk_that_refuses_is_not_the_mirrors_fault_and_keeps_nothing(serve, known, tmp_path: Path) -> None:
    known(serve().url)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            fetch("tiny", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not isinstance(raised.value, DownloadError)
    assert files_in(tmp_path) == []


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set is called 'huge'; there are mnist, fashion-mnist"):
        fetch("huge", tmp_path)


def test_a_zip_with_a_compressed_member_becomes_gzip(serve, known, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tiny.Z", COMPRESSED)
        archive.writestr("other", b"no")
    mirror = serve()
    mirror.body = buffer.getvalue()
    known(mirror.url + "all.zip#tiny.Z")
    (path,) = fetch("tiny", tmp_path)
    assert gzip.decompress(path.read_bytes()) == CONTENT


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body: body[: len(body) // 2], "ZIP archive is damaged"),
        (lambda body: body.replace(b"tiny.Z", b"tiny.X"), "there is no tiny.Z in the archive"),
        (lambda body: b"<html>", "ZIP archive is damaged"),
    ],
)
def test_a_damaged_zip_is_refused(serve, known, tmp_path: Path, change, words: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tiny.Z", PACKED)
    mirror = serve()
    mirror.body = change(buffer.getvalue())
    known(mirror.url + "all.zip#tiny.Z")
    with pytest.raises(DownloadError, match=words):
        fetch("tiny", tmp_path)


@pytest.mark.parametrize("place", ["tiny.gz", "tiny/tiny", "some/where/tiny.Z"])
def test_a_folder_serves_instead_of_mirrors(known, tmp_path: Path, place: str) -> None:
    known("http://127.0.0.1:1/")
    source = tmp_path / "source" / place
    source.parent.mkdir(parents=True)
    source.write_bytes({".gz": PACKED, ".Z": COMPRESSED}.get(source.suffix, CONTENT))
    (path,) = fetch("tiny", tmp_path / "target", source=tmp_path / "source")
    assert gzip.decompress(path.read_bytes()) == CONTENT


def test_a_folder_without_the_file_or_with_a_wrong_one_is_refused(known, tmp_path: Path) -> None:
    known("http://127.0.0.1:1/")
    (tmp_path / "source").mkdir()
    with pytest.raises(MissingDataError, match=r"no tiny\.gz in .*source"):
        fetch("tiny", tmp_path / "target", source=tmp_path / "source")
    (tmp_path / "source" / "tiny.gz").write_bytes(b"something else")
    with pytest.raises(DataError, match="its checksum is another"):
        fetch("tiny", tmp_path / "target", source=tmp_path / "source")
    assert files_in(tmp_path / "target") == []


def test_the_folder_of_the_environment_is_used_where_it_lies(known, tmp_path: Path, monkeypatch) -> None:
    known("http://127.0.0.1:1/")
    monkeypatch.setenv("MNISTWEB_DATA_DIR", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "tiny.gz").write_bytes(PACKED)
    assert fetch("tiny") == [tmp_path / "mine" / "tiny.gz"]
    assert not (tmp_path / "instance").exists()


def test_two_fetches_at_once_do_not_mix_their_bytes(serve, known, tmp_path: Path) -> None:
    mirror = serve()
    known(mirror.url)
    outcomes: list[object] = []

    def run() -> None:
        outcomes.append(fetch("tiny", tmp_path)[0].read_bytes() == PACKED)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 4
    assert mirror.seen_ranges == [None]  # those that waited found it there
    assert gzip.decompress((tmp_path / "tiny" / "tiny.gz").read_bytes()) == CONTENT


def test_every_known_file_has_a_checksum_and_two_addresses() -> None:
    for known_set in catalogue_module.FETCHABLE.values():
        for file in known_set.files:
            assert len(file.md5) == 32
            assert len(file.urls) >= 2
            assert all(url.startswith(("https://", "http://")) for url in file.urls)
        assert known_set.credit
        assert known_set.licence

"""Texts travel gzipped to those who take it, and only those."""

from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.mark.parametrize("path", ["/paint-screen", "/static/style.css", "/static/js/paint_screen.js"])
def test_a_gzipped_answer_is_smaller_and_unpacks_to_the_plain_one(client: FlaskClient, path: str) -> None:
    plain, packed = client.get(path, buffered=True), client.get(path, headers=GZIP, buffered=True)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    assert gzip.decompress(packed.data) == plain.data
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize("refused", ["", "identity", "gzip;q=0", "br"])
def test_who_does_not_take_gzip_does_not_get_it(client: FlaskClient, refused: str) -> None:
    answer = client.get("/static/style.css", headers={"Accept-Encoding": refused}, buffered=True)
    assert "Content-Encoding" not in answer.headers


def test_a_gzipped_file_is_not_sent_again_to_who_has_it(client: FlaskClient) -> None:
    tag = client.get("/static/style.css", headers=GZIP, buffered=True).headers["ETag"]
    again = client.get("/static/style.css", headers=GZIP | {"If-None-Match": tag}, buffered=True)
    assert again.status_code == 304
    assert again.data == b""


def test_a_part_of_a_file_is_sent_as_it_is(client: FlaskClient) -> None:
    part = client.get("/static/style.css", headers=GZIP | {"Range": "bytes=0-9"}, buffered=True)
    assert part.status_code == 206
    assert part.data == client.get("/static/style.css", buffered=True).data[:10]


def test_what_fits_into_a_packet_is_left_as_it_is(client: FlaskClient) -> None:
    answer = client.get("/health-check", headers=GZIP)
    assert "Content-Encoding" not in answer.headers

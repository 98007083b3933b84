"""The soak in short, and what long runs notice; test_server.py and tests/deploy replace and kill workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.clients import Clients
from tests.load.mixture import Ask, get
from tests.load.soak import slope_mb_an_hour, soak
from tests.web.live import LiveServer


def test_some_seconds_of_all_kinds_of_requests_fail_none(tmp_path: Path) -> None:
    failures, slopes = soak(tmp_path, minutes=0.04, rate=60, workers=1)
    assert failures == []
    assert len(slopes) == 1


def test_a_worker_that_grows_is_noticed() -> None:
    level = [(10.0 * number, 100 + number % 2) for number in range(360)]
    growing = [(seconds, megabytes + 3 * seconds / 3600) for seconds, megabytes in level]
    assert abs(slope_mb_an_hour(level)) < 0.1
    assert slope_mb_an_hour(growing) == pytest.approx(3, abs=0.1)


def test_clients_notice_a_wrong_status_and_a_connection_without_an_answer(server: LiveServer) -> None:
    asks = [get("/health-check"), get("/no-such-page"), Ask("bad", "GET", "/health", {}, None, 200)]
    with Clients(server.port, asks, count=1) as clients:
        clients.wait_for(more=6)
    assert "GET /no-such-page: 404 instead of 200" in clients.failures
    with Clients(1, [get("/health-check")], count=1) as clients:
        clients.wait(0.1)
    assert "ConnectionRefusedError" in clients.failures[0]

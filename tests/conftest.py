"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow now and then; no example fails for that.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """The folder with the real MNIST and pen-stroke files. CI fails without it; others skip the test."""
    folder = Path(os.environ.get("MNISTWEB_DATA_DIR", _BESIDE_THE_CHECKOUT))
    if folder.is_dir():
        return folder
    reason = f"needs the real MNIST files: {folder} is no folder; name one with MNISTWEB_DATA_DIR"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

"""A server that can write nowhere answers all the same, and says what it could not keep.

Guards: Request._get_file_stream (uploads stay in memory), the suppressed errors of debug_image.py, running.py
and shared_counts.py.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.inference.test_pictures import drawn_seven, png
from tests.web.live import LiveServer


@contextlib.contextmanager
def small_file_system(folder: Path, options: str) -> Iterator[Path]:
    """A file system in `folder`, whose limits hold for root too. Skips where mounting is forbidden."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size=64k,{options}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def large_picture() -> bytes:
    """A PNG of more than a megabyte, which forms would otherwise put into a temporary file."""
    noise = np.random.default_rng(1).integers(200, 255, (900, 900, 3), dtype=np.uint8)
    noise[np.asarray(drawn_seven(900)) < 128] = 0
    data = png(Image.fromarray(noise))
    assert len(data) > 1_000_000
    return data


def test_predictions_go_on_with_a_read_only_instance_and_home_and_a_full_tmp(
    tmp_path: Path, weights: Path, seven: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        small_file_system(tmp_path / "instance", "ro") as instance,
        small_file_system(tmp_path / "home", "ro") as home,
        small_file_system(tmp_path / "tmp", "rw") as full,
    ):
        with contextlib.suppress(OSError), (full / "filling").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        os.truncate(full / "filling", 56 * 1024)  # a few bytes fit: Python would look elsewhere otherwise
        monkeypatch.setenv("TMPDIR", str(full))
        monkeypatch.setenv("HOME", str(home))
        with LiveServer(weights, instance, {"WORKERS": 2}) as server:
            kind = {"Content-Type": "image/png"}
            assert server.request("POST", "/predict", seven, kind).status == 200
            looked = server.request("POST", "/debug-image", seven, kind)
            assert looked.status == 200
            assert looked.json.get("saved_debug_image") is None
            assert "Read-only file system" in looked.json["not_saved_because"]
            form = (
                b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
                + large_picture()
                + b"\r\n--x--\r\n"
            )
            head = {"Content-Type": "multipart/form-data; boundary=x"}
            assert server.request("POST", "/upload", form, head).status == 200
            assert server.request("GET", "/metrics").status == 200
            assert server.request("GET", "/health").status == 200
        assert "Traceback" not in server.log

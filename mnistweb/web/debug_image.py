"""`/debug-image`: what the network would see of a picture, step by step and in numbers, and saved."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import numpy as np
from flask import Blueprint, Response, current_app, render_template, send_from_directory
from msgspec import UNSET
from werkzeug.exceptions import NotFound

from mnistweb.files import write_atomically
from mnistweb.imaging.placement import MNIST_FRAME
from mnistweb.web.answers import json_response, png, step_answer
from mnistweb.web.incoming import PixelBudget, prepare_source, read_one
from mnistweb.web.loaded import loaded_models, model_summaries
from mnistweb.web.openapi import ONE_PICTURE, describes
from mnistweb.web.schemas import DebugAnswer, PredictBody

log = logging.getLogger("mnistweb.web")

blueprint = Blueprint("debug_image", __name__)


def saved_images_folder() -> Path:
    """Where the 28x28 pictures are saved."""
    return Path(current_app.instance_path) / "debug-images"


@blueprint.get("/debug-image")
@describes("text/html")
def page() -> str:
    """The page for people: drop a picture, see every step."""
    return render_template(
        "debug_image.html",
        max_megabytes=current_app.config["MAX_REQUEST_BYTES"] // 2**20,
        models=model_summaries(),
        default_model=loaded_models().default,
    )


@blueprint.post("/debug-image")
@describes(DebugAnswer, body=PredictBody, files=ONE_PICTURE, query=("model",), problems=(404,))
def debug_image() -> Response:
    """Say what the network would see of one picture, and save it."""
    incoming = read_one()
    models = loaded_models()
    # Without any model there is still something to be seen, as long as none is named.
    frame = models.get(incoming.model).frame if incoming.model or len(models) else MNIST_FRAME
    prepared = prepare_source(incoming.sources[0], incoming, PixelBudget(), keep_steps=True, frame=frame)
    pixels = prepared.pixels
    name, reason = _save(png(np.round(pixels * 255).astype(np.uint8)))
    return json_response(
        DebugAnswer(
            shape=list(pixels.shape),
            min_value=float(pixels.min()),
            max_value=float(pixels.max()),
            mean_value=float(pixels.mean(dtype=np.float64)),
            non_zero_pixels=int(np.count_nonzero(pixels)),
            saved_debug_image=name,
            steps=[step_answer(step) for step in prepared.steps],
            centre_of_mass=[float(each) for each in prepared.centre_of_mass],
            polarity=prepared.polarity,
            pixels=np.round(pixels.reshape(-1).astype(np.float64), 6).tolist(),
            not_saved_because=reason or UNSET,
        )
    )


@blueprint.get("/debug-image/<name>.png")
@describes("image/png", path={"name": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}, problems=(404, 416))
def saved(name: str) -> Response:
    """A picture that was saved earlier. Its name says its content, so it may be kept for good."""
    if not (len(name) == 32 and set(name) <= set("0123456789abcdef")):
        raise NotFound
    response = send_from_directory(
        saved_images_folder(), f"{name}.png", mimetype="image/png", max_age=31_536_000
    )
    response.cache_control.immutable = True
    return response


def _save(image: bytes) -> tuple[str | None, str]:
    """Save a picture under its content's hash; returns its name, or None and why it was not saved."""
    keep: int = current_app.config["MAX_SAVED_DEBUG_IMAGES"]
    if keep == 0:
        return None, "saving is switched off"
    folder = saved_images_folder()
    path = folder / f"{hashlib.sha256(image).hexdigest()[:32]}.png"
    try:
        if path.exists():
            os.utime(path)  # so that it counts among the youngest
        else:
            write_atomically(path, image)
            _remove_oldest(folder, keep)
    except OSError as error:
        log.warning("a debug image was not saved: %s", error)
        return None, f"the instance folder cannot be written: {error.strerror or 'the disk refuses'}"
    return path.name, ""


def _remove_oldest(folder: Path, keep: int) -> None:
    ages = []
    for path in folder.glob("*.png"):
        try:
            ages.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:  # another worker was faster
            continue
    for _, path in sorted(ages, reverse=True)[keep:]:
        path.unlink(missing_ok=True)

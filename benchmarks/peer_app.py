"""The same classifier behind FastAPI, as its documentation would have it; served by uvicorn for a comparison.

The pictures go through the same preprocessing and the same network, and the answers say the same. Each route
is there twice: as a plain function, which FastAPI calls in a pool of threads, and as a coroutine.
"""

from __future__ import annotations

import os
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Request
from pydantic import BaseModel, Field

from mnistweb.inference import DigitClassifier, mnist_pixels, prepare

app = FastAPI()
classifier = DigitClassifier.load(os.environ["BENCHMARK_MODEL"])


class Pixels(BaseModel):
    """784 numbers from 0 to 1, ink bright."""

    pixels: Annotated[list[float], Field(min_length=784, max_length=784)]


class Answer(BaseModel):
    """What the network says."""

    prediction: int
    confidence: float
    probabilities: dict[str, float]
    verdict: str
    model: str
    sentence: str


async def whole_body(request: Request) -> bytes:
    return await request.body()


WholeBody = Annotated[bytes, Depends(whole_body)]


@app.post("/def/pixels")
def pixels_in_a_thread(body: Annotated[Pixels, Body()]) -> Answer:
    return answer(mnist_pixels(body.pixels))


@app.post("/async/pixels")
async def pixels_in_the_loop(body: Annotated[Pixels, Body()]) -> Answer:
    return answer(mnist_pixels(body.pixels))


@app.post("/def/png")
def png_in_a_thread(body: WholeBody) -> Answer:
    return answer(prepare(body).pixels)


@app.post("/async/png")
async def png_in_the_loop(body: WholeBody) -> Answer:
    return answer(prepare(body).pixels)


def answer(pixels: Any) -> Answer:
    found = classifier.predict_pixels(pixels[None])[0]
    return Answer(
        prediction=found.prediction,
        confidence=found.confidence,
        probabilities={str(digit): value for digit, value in enumerate(found.probabilities.tolist())},
        verdict=found.verdict,
        model=found.model,
        sentence=found.sentence,
    )

"""A classifier answers which digit a picture shows, with one network from a weights file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistweb.imaging.placement import MNIST_FRAME, Frame
from mnistweb.inference.errors import PixelsError
from mnistweb.inference.pictures import SIDE, Picture, prepare
from mnistweb.inference.prediction import Prediction, calibrated, verdict_of
from mnistweb.inference.views import VIEWS, View, seen
from mnistweb.weights import SavedModel, read_model
from mnistweb.weights.document import DIGITS

# What the classes of known data sets have in common.
_SUBJECTS = {"fashion-mnist": "clothing"}


class DigitClassifier:
    """Reads digits with one saved model. Threads may share it: answering changes nothing in it.

        classifier = DigitClassifier.load()
        classifier.predict("seven.png").prediction      # 7

    `saved` is the model as it was read; `network` is the same with batch normalisation folded in. `views` are
    the ways in which each picture is looked at; without any, once and as it is.
    """

    def __init__(self, saved: SavedModel, *, views: Sequence[View] = ()) -> None:
        self.saved = saved
        self.views = tuple(views)
        self.network = saved.model.folded()
        self._temperature = float(saved.calibration["temperature"])
        self._thresholds = dict(saved.verdict)

    @classmethod
    def load(cls, name_or_path: str | Path | None = None) -> DigitClassifier:
        """The installed model of that name, or the one in that file; None: the default.

        Raises WeightsError for a broken file, UnknownModelError or NoModelError for a name that is not there.
        """
        from mnistweb.inference.registry import ModelRegistry

        if name_or_path is not None:
            text = str(name_or_path)
            if isinstance(name_or_path, Path) or text.endswith(".pkl") or "/" in text:
                return cls(read_model(Path(name_or_path)))
            return ModelRegistry.load_installed().get(text)
        return ModelRegistry.load_installed().get()

    @property
    def name(self) -> str:
        """The model's name."""
        return self.saved.name

    @property
    def architecture(self) -> str:
        """The layers in one line, "784 -> 128 -> 64 -> 10"."""
        return self.saved.model.architecture

    @property
    def reads_digits(self) -> bool:
        """Whether its classes are the ten digits."""
        return self.saved.labels == DIGITS

    @property
    def subject(self) -> str:
        """What it knows, in a word or two: "digits", "clothing", or the first and last of its classes."""
        if self.reads_digits:
            return "digits"
        known = _SUBJECTS.get(str(self.saved.training.get("data")))
        return known or f"{self.saved.labels[0]} to {self.saved.labels[-1]}"

    @property
    def reads(self) -> str:
        """What it reads: "handwritten digits", "pictures of clothing: T-shirt/top, Trouser, ..."."""
        if self.reads_digits:
            return "handwritten digits"
        known = _SUBJECTS.get(str(self.saved.training.get("data")))
        return f"pictures of {f'{known}: ' if known else ''}{', '.join(self.saved.labels)}"

    @property
    def frame(self) -> Frame:
        """How what it reads lies in the 28x28: as in MNIST, unless the facts of its file say otherwise."""
        side = self.saved.training.get("longer_side")
        if not isinstance(side, int) or not 1 <= side <= SIDE:
            return MNIST_FRAME
        return Frame(side, by_mass=self.saved.training.get("centred_by") != "box")

    def with_views(self, views: Sequence[View] = VIEWS) -> DigitClassifier:
        """The same classifier, but answering with the mean over several views of each picture.

        It is right a little more often, and takes as many times as long as there are views.
        """
        return DigitClassifier(self.saved, views=views)

    def predict(self, picture: Picture, *, preprocess: bool = True) -> Prediction:
        """Read one picture.

        picture: bytes of a PNG or JPEG, a path to one, a PIL picture, or an array (uint8, or float
        in [0, 1]).
        preprocess: False takes a 28x28 picture as it is, ink bright.

        Raises ImageError (BlankImageError when there is nothing on it) or PixelsError.
        """
        return self.predict_pixels(self._prepared(picture, preprocess)[np.newaxis])[0]

    def predict_batch(self, pictures: Sequence[Picture], *, preprocess: bool = True) -> list[Prediction]:
        """Read several pictures in one forward pass; answers in their order. Raises as `predict` does."""
        if len(pictures) == 0:
            return []
        prepared = [self._prepared(picture, preprocess) for picture in pictures]
        return self.predict_pixels(np.stack(prepared))

    def _prepared(self, picture: Picture, preprocess: bool) -> NDArray[np.float32]:
        return prepare(picture, as_it_is=not preprocess, frame=self.frame).pixels

    def predict_pixels(self, pixels: NDArray[np.float32]) -> list[Prediction]:
        """Read (N, 28, 28) float32 pictures that are in MNIST form already, and checked."""
        if len(pixels) == 0:
            return []
        answers = []
        for row in self.probabilities(pixels):
            prediction = int(row.argmax())
            confidence = float(row[prediction])
            verdict = verdict_of(confidence, self._thresholds)
            answers.append(
                Prediction(prediction, confidence, row, verdict, self.saved.name, self.saved.labels)
            )
        return answers

    def probabilities(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probabilities (N, classes) float64 of (N, 28, 28) or (N, 28, 28, 1) float32 pixels.

        They are the mean over the views, if there are any.
        """
        if not self.views:
            return calibrated(self.logits(pixels), self._temperature)
        total = sum(calibrated(self.logits(seen(pixels, view)), self._temperature) for view in self.views)
        return np.asarray(total / len(self.views))

    def logits(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network's last layer says, (N, classes), for pictures (N, 28, 28) or (N, 28, 28, 1)."""
        count = len(pixels)
        if pixels.size != count * SIDE * SIDE:
            raise PixelsError(f"got pictures of shape {pixels.shape}; wanted is (N, {SIDE}, {SIDE})")
        return self.network.forward(pixels.reshape(count, SIDE, SIDE, 1))

    def describe(self) -> dict[str, Any]:
        """The facts of the model in plain values, for `/model/info` and the command line.

        Sizes follow the learned layers in order: a convolution counts its channels, a dense layer its units.
        """
        model = self.network
        weights = [layer.params["weight"] for layer in model.layers if "weight" in layer.params]
        biases = [layer.params["bias"] for layer in model.layers if "bias" in layer.params]
        return {
            "name": self.saved.name,
            "architecture": self.saved.model.architecture,
            "input_size": int(np.prod(model.input_shape)),
            "hidden_sizes": [int(weight.shape[-1]) for weight in weights[:-1]],
            "output_size": model.num_classes,
            "total_parameters": self.saved.model.num_parameters,
            "num_layers": len(weights),
            "weights_shapes": [list(weight.shape) for weight in weights],
            "biases_shapes": [list(bias.shape) for bias in biases],
            "labels": list(self.saved.labels),
            "calibration": dict(self.saved.calibration),
            "verdict": dict(self.saved.verdict),
            "training": dict(self.saved.training),
            "sha256": self.saved.sha256,
            "size_bytes": self.saved.size_bytes,
        }

"""From a picture to a digit: the classifier, the registry of loaded models, and explanations."""

from mnistweb.inference.classifier import DigitClassifier
from mnistweb.inference.errors import InferenceError, NoModelError, PixelsError, UnknownModelError
from mnistweb.inference.explanations import activations, contributions
from mnistweb.inference.pictures import mnist_pixels, prepare
from mnistweb.inference.prediction import Prediction
from mnistweb.inference.registry import ModelRegistry
from mnistweb.inference.views import VIEWS, View

__all__ = [
    "VIEWS",
    "DigitClassifier",
    "InferenceError",
    "ModelRegistry",
    "NoModelError",
    "PixelsError",
    "Prediction",
    "UnknownModelError",
    "View",
    "activations",
    "contributions",
    "mnist_pixels",
    "prepare",
]

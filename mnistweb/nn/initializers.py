"""An initializer draws a layer's first weights, just wide enough that signals neither fade nor explode.

With weights of variance v, the sum over ``fan_in`` inputs has ``fan_in * v`` times their variance. Keeping
that near 1 through every layer is the whole idea; ReLU, which silences half of its inputs, needs twice as
much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from mnistweb.nn.errors import ConfigurationError

# A text, for NumPy imports its random numbers when they are first named, and who only answers draws none.
Initializer: TypeAlias = "Callable[[tuple[int, ...], int, int, np.random.Generator], np.ndarray]"


def he_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """Normal with variance 2 / fan_in, for ReLU (He, Zhang, Ren, Sun 2015, equation 10)."""
    return _normal(shape, 2.0 / fan_in, rng)


def he_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform with variance 2 / fan_in."""
    return _uniform(shape, 2.0 / fan_in, rng)


def glorot_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """Normal with variance 2 / (fan_in + fan_out), for tanh, sigmoid and outputs (Glorot, Bengio 2010)."""
    return _normal(shape, 2.0 / (fan_in + fan_out), rng)


def glorot_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform with variance 2 / (fan_in + fan_out) (Glorot, Bengio 2010, equation 16)."""
    return _uniform(shape, 2.0 / (fan_in + fan_out), rng)


INITIALIZERS: dict[str, Initializer] = {
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
}


def initialize(
    name: str, shape: tuple[int, ...], *, fan_in: int, fan_out: int, rng: np.random.Generator | None
) -> np.ndarray:
    """Draw float32 weights of ``shape`` with the initializer of that name.

    ``fan_in`` is how many inputs one output sums over, ``fan_out`` how many outputs one input feeds; for a
    k x k convolution they are k * k * in_channels and k * k * out_channels. Without ``rng`` they are zeros,
    for weights that are loaded right after. Raises ConfigurationError for a name that is not in INITIALIZERS.
    """
    if name not in INITIALIZERS:
        raise ConfigurationError(f"initializer must be one of {', '.join(INITIALIZERS)}, got {name!r}")
    if rng is None:
        return np.zeros(shape, np.float32)
    return INITIALIZERS[name](shape, fan_in, fan_out, rng)


def _normal(shape: tuple[int, ...], variance: float, rng: np.random.Generator) -> np.ndarray:
    weights = rng.standard_normal(shape, dtype=np.float32)
    weights *= np.float32(np.sqrt(variance))
    return weights


def _uniform(shape: tuple[int, ...], variance: float, rng: np.random.Generator) -> np.ndarray:
    limit = np.sqrt(3.0 * variance)  # the variance of a uniform on [-limit, limit] is limit ** 2 / 3
    return rng.uniform(-limit, limit, shape).astype(np.float32)

"""Varies pictures at random while training, so that a network sees each digit written a thousand ways.

Where every pixel comes from is worked out first, turning, scaling, slanting, shifting and bending at once;
then one bilinear interpolation fetches them all (`warping`), so a picture is blurred by resampling only once.
After that come changes of the ink: thickness, blur, contrast, noise, and holes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from mnistweb.data.warping import SIDE, affine_sources, elastic_displacements, resample


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How strongly pictures are varied. By default every strength is 0, which leaves that part out.

    Each picture draws its own amounts, evenly between nothing and the strength named here (in both
    directions where there are two); a probability says how many of the pictures are touched at all.
    """

    rotation_degrees: float = 0.0
    log_scale: float = 0.0  # width and height, each by its own factor up to exp(log_scale), or down
    shear: float = 0.0  # sideways shift per pixel of height: the slant of the writing
    shift_pixels: float = 0.0
    elastic_alpha: float = 0.0  # Simard's alpha; 34 with sigma 4 moves pixels by 1.4, standard deviation
    elastic_sigma: float = 4.0  # pixels; how far neighbours move together
    elastic_probability: float = 1.0
    thickness: float = 0.0  # pixels that are added to or taken from the edge of the ink, at most 1
    thickness_probability: float = 0.5
    blur: float = 0.0  # standard deviation in pixels, at most 1
    blur_probability: float = 0.25
    contrast: float = 0.0  # ink changes by a factor exp(-contrast) to exp(contrast), cut off at 1
    contrast_probability: float = 0.25
    noise: float = 0.0  # standard deviation of what is added to each pixel
    noise_probability: float = 0.25
    occlusion: float = 0.0  # longest side of a rectangle that is wiped out, as a fraction of the picture
    occlusion_probability: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            is_share = field.name in _AT_MOST_ONE or field.name.endswith("_probability")
            highest = 1.0 if is_share else math.inf
            if not 0 <= value <= highest or not math.isfinite(value):
                wanted = f"a number from 0 to {highest:g}"
                raise ValueError(f"augmentation: {field.name} must be {wanted}, got {value}")
        if self.elastic_alpha and not self.elastic_sigma:
            raise ValueError("augmentation: elastic_sigma must be above 0 where elastic_alpha is")

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Varied copies of a batch, float32 of the same shape (N, 28, 28) or (N, 28, 28, 1), within [0, 1].

        Equal pictures, strengths and states of `rng` give equal results. Raises ValueError for other shapes.
        """
        if images.shape[1:] not in ((SIDE, SIDE), (SIDE, SIDE, 1)):
            raise ValueError(f"augmentation expected pictures of 28x28, got an array of shape {images.shape}")
        batch = images.reshape(-1, SIDE, SIDE).astype(np.float32)  # a copy: the caller's stays as it is
        if not len(batch):
            return batch.reshape(images.shape)
        if self.rotation_degrees or self.log_scale or self.shear or self.shift_pixels or self.elastic_alpha:
            batch = self._warped(batch, rng)
        for change, strength, probability in (
            (_change_thickness, self.thickness, self.thickness_probability),
            (_blur, self.blur, self.blur_probability),
            (_change_contrast, self.contrast, self.contrast_probability),
            (_add_noise, self.noise, self.noise_probability),
            (_occlude, self.occlusion, self.occlusion_probability),
        ):
            if strength and probability:
                chosen = np.flatnonzero(rng.random(len(batch)) < probability)
                if chosen.size:
                    batch[chosen] = change(batch[chosen], strength, rng)
        return np.clip(batch, 0, 1, out=batch).reshape(images.shape)

    def _warped(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        count = len(images)
        strengths = (
            math.radians(self.rotation_degrees),
            self.log_scale,
            self.log_scale,
            self.shear,
            self.shift_pixels,
            self.shift_pixels,
        )
        amounts = rng.uniform(-1, 1, (len(strengths), count)) * np.array(strengths)[:, None]
        turn, log_width, log_height, slant, right, down = amounts.astype(np.float32)
        source = affine_sources(turn, log_width, log_height, slant, right, down)  # (2, N, 784)
        if self.elastic_alpha:
            alpha = rng.uniform(0, self.elastic_alpha, count) * (rng.random(count) < self.elastic_probability)
            displacements = elastic_displacements(count, self.elastic_sigma, rng)
            displacements *= alpha.astype(np.float32)[:, None]
            source += displacements
        return resample(images, source[0], source[1])


_AT_MOST_ONE = ("thickness", "blur", "occlusion")


def _change_thickness(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blend with the grey dilation (maximum of the four neighbours) or erosion (minimum)."""
    amount = rng.uniform(-strength, strength, (len(images), 1, 1)).astype(np.float32)
    thicker = amount[:, 0, 0] > 0
    grown = images.copy()
    grown[thicker] = _neighbourhood(images[thicker], np.maximum)
    grown[~thicker] = _neighbourhood(images[~thicker], np.minimum)
    return images + np.abs(amount) * (grown - images)


def _neighbourhood(images: np.ndarray, extreme: np.ufunc) -> np.ndarray:
    result = images.copy()
    for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[:, :, 1:], np.s_[:, :, :-1])):
        extreme(result[here], images[there], out=result[here])
        extreme(result[there], images[here], out=result[there])
    return result


def _blur(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    sigma = rng.uniform(0, strength, (len(images), 1, 1)).astype(np.float32)
    # The kernel (w, 1 - 2w, w) has variance 2w; applied twice along each axis, 4w.
    weight = sigma * sigma / 4
    for axis in (1, 1, 2, 2):
        before, after = np.roll(images, 1, axis), np.roll(images, -1, axis)
        # What comes in at the edge is empty, and not what went out at the other.
        before.swapaxes(1, axis)[:, 0] = after.swapaxes(1, axis)[:, -1] = 0
        images = images + weight * (before + after - 2 * images)
    return images


def _change_contrast(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    gain = np.exp(rng.uniform(-strength, strength, (len(images), 1, 1)))
    return images * gain.astype(np.float32)


def _add_noise(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    deviation = rng.uniform(0, strength, (len(images), 1, 1)).astype(np.float32)
    return images + deviation * rng.standard_normal(images.shape, np.float32)


def _occlude(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Wipe a rectangle out of each picture.

    After T. DeVries, G. W. Taylor, "Improved regularization of convolutional neural networks with
    Cutout", 2017.
    """
    half = rng.uniform(0, strength * SIDE / 2, (2, len(images), 1))
    middle = rng.uniform(0, SIDE, (2, len(images), 1))
    inside = np.abs(np.arange(SIDE) + 0.5 - middle) < half  # (2, N, 28)
    return images * ~(inside[0][:, :, None] & inside[1][:, None, :])

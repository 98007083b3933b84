"""Augmentation: each change does what its name says, in the amount asked for, and nothing else."""

from __future__ import annotations

import time
from dataclasses import fields

import numpy as np
import pytest

from mnistweb.data.augmentation import Augmentation
from mnistweb.data.warping import elastic_displacements, resample

EVERYTHING = Augmentation(
    rotation_degrees=15,
    log_scale=0.15,
    shear=0.15,
    shift_pixels=1.5,
    elastic_alpha=34,
    thickness=0.8,
    blur=0.7,
    contrast=0.5,
    noise=0.1,
    occlusion=0.4,
)


def blobs(count: int = 64) -> np.ndarray:
    """Pictures of one bright bar each, a little different in place and brightness."""
    images = np.zeros((count, 28, 28), np.float32)
    for number, image in enumerate(images):
        image[6:22, 10 + number % 6 : 15 + number % 6] = 0.5 + 0.4 * number / count
    return images


def centre(images: np.ndarray) -> np.ndarray:
    """Centre of mass (N, 2) as y, x."""
    mass = images.sum(axis=(1, 2))
    grid = np.arange(28)
    return np.stack([images.sum(axis=2) @ grid / mass, images.sum(axis=1) @ grid / mass], axis=1)


def naive_bilinear(image: np.ndarray, x: float, y: float) -> float:
    """The definition: four neighbours, each weighted by how near it is; nothing outside."""
    total = 0.0
    for row in range(28):
        for column in range(28):
            total += max(0, 1 - abs(x - column)) * max(0, 1 - abs(y - row)) * image[row, column]
    return total


def test_without_strengths_pictures_come_back_as_they_were() -> None:
    images = blobs()
    varied = Augmentation()(images, np.random.default_rng(0))
    np.testing.assert_array_equal(varied, images)
    assert not np.shares_memory(varied, images)


@pytest.mark.parametrize("shape", [(5, 28, 28), (5, 28, 28, 1), (0, 28, 28, 1), (1, 28, 28)])
def test_shape_type_and_range_are_kept(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(1).random(shape, np.float32)
    before = images.copy()
    varied = EVERYTHING(images, np.random.default_rng(0))
    assert varied.shape == shape
    assert varied.dtype == np.float32
    assert (varied >= 0).all()
    assert (varied <= 1).all()
    np.testing.assert_array_equal(images, before)


def test_equal_seeds_give_equal_pictures() -> None:
    first, again, other = (EVERYTHING(blobs(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_every_picture_draws_for_itself() -> None:
    same = np.repeat(blobs(1), 20, axis=0)
    varied = EVERYTHING(same, np.random.default_rng(0))
    assert len(np.unique(varied.reshape(20, -1), axis=0)) == 20


def test_resampling_is_the_plain_definition() -> None:
    rng = np.random.default_rng(0)
    images = rng.random((2, 28, 28), np.float32)
    x, y = rng.uniform(-3, 31, (2, 2, 784)).astype(np.float32)
    x[0, :3], y[0, :3] = (0, 27, 27.5), (0, 27, 13)
    fetched = resample(images, x.copy(), y.copy()).reshape(2, 784)
    for picture in range(2):
        for place in range(0, 784, 7):
            expected = naive_bilinear(images[picture], x[picture, place], y[picture, place])
            assert fetched[picture, place] == pytest.approx(expected, abs=2e-4)


def test_shifts_stay_within_their_limit_and_use_it() -> None:
    moved = centre(Augmentation(shift_pixels=2)(blobs(200), np.random.default_rng(0))) - centre(blobs(200))
    assert np.abs(moved).max() <= 2.001
    assert np.abs(moved).max(axis=0).min() > 1.8
    assert np.abs(moved.mean(axis=0)).max() < 0.3


def test_rotation_turns_and_scaling_scales_about_the_middle() -> None:
    images = np.zeros((200, 28, 28), np.float32)
    images[:, 4:24, 13:15] = 1
    y, x = np.mgrid[:28, :28] - 13.5
    turned = Augmentation(rotation_degrees=20)(images, np.random.default_rng(0))
    angles = 0.5 * np.degrees(
        np.arctan2((2 * x * y * turned).sum((1, 2)), ((y**2 - x**2) * turned).sum((1, 2)))
    )
    assert 18 < np.abs(angles).max() < 21
    np.testing.assert_allclose(turned.sum((1, 2)), 40, rtol=0.02)
    scaled = Augmentation(log_scale=0.2)(images, np.random.default_rng(0))
    heights = np.sqrt((y**2 * scaled).sum((1, 2)) / scaled.sum((1, 2)))
    ratios = heights / np.sqrt((y**2 * images).sum((1, 2)) / images.sum((1, 2)))
    assert 0.8 < ratios.min() < 0.87
    assert 1.15 < ratios.max() < 1.25


def test_elastic_displacements_have_the_spread_of_smoothed_noise() -> None:
    field = elastic_displacements(400, 4.0, np.random.default_rng(0)).reshape(2, 400, 28, 28)
    # White noise of variance 1/3 through a Gaussian: standard deviation sqrt(1/3) / (2 sqrt(pi) sigma).
    expected = np.sqrt(1 / 3) / (2 * np.sqrt(np.pi) * 4)
    spread = field.std(axis=1)
    np.testing.assert_allclose(spread, expected, rtol=0.2)  # at the edges as in the middle
    neighbours = np.corrcoef(field[0, :, 14, 14], field[0, :, 14, 15])[0, 1]
    strangers = np.corrcoef(field[0, :, 14, 4], field[0, :, 14, 24])[0, 1]
    assert neighbours > 0.95
    assert abs(strangers) < 0.2


def test_elastic_distortion_bends_only_the_share_asked_for() -> None:
    varied = Augmentation(elastic_alpha=40, elastic_probability=0.5)(blobs(200), np.random.default_rng(0))
    touched = np.abs(varied - blobs(200)).max(axis=(1, 2)) > 1e-3
    assert 0.4 < touched.mean() < 0.6


def test_thickness_adds_and_takes_ink_within_one_pixel() -> None:
    images = (blobs() > 0).astype(np.float32)
    varied = Augmentation(thickness=1, thickness_probability=1)(images, np.random.default_rng(0))
    ratios = varied.sum((1, 2)) / images.sum((1, 2))
    assert ratios.min() < 0.65
    assert ratios.max() > 1.4
    far = np.ones((28, 28), bool)
    far[5:23, 9:21] = False
    assert not varied[:, far].any()


def test_blur_takes_no_ink_from_one_edge_to_the_other() -> None:
    images = np.zeros((4, 28, 28), np.float32)
    images[0, :, 0] = images[1, :, -1] = images[2, 0] = images[3, -1] = 1
    varied = Augmentation(blur=1, blur_probability=1)(images, np.random.default_rng(0))
    assert (varied.max(axis=(1, 2)) < 1).all()
    for far in (varied[0, :, 14:], varied[1, :, :14], varied[2, 14:], varied[3, :14]):
        assert not far.any()


def test_blur_keeps_the_ink_and_widens_it_by_its_variance() -> None:
    images = np.zeros((300, 28, 28), np.float32)
    images[:, 14, 14] = 1
    varied = Augmentation(blur=1, blur_probability=1)(images, np.random.default_rng(0))
    np.testing.assert_allclose(varied.sum((1, 2)), 1, rtol=1e-5)
    variance = varied.sum(axis=1) @ (np.arange(28) - 14.0) ** 2
    assert 0.9 < variance.max() <= 1.0001
    assert variance.mean() == pytest.approx(1 / 3, abs=0.06)  # mean of sigma squared, sigma even in 0..1


def test_contrast_is_a_factor_within_its_limit() -> None:
    images = np.full((300, 28, 28), 0.2, np.float32)
    varied = Augmentation(contrast=0.5, contrast_probability=1)(images, np.random.default_rng(0))
    factors = varied[:, 0, 0] / 0.2
    np.testing.assert_allclose(varied, np.broadcast_to(varied[:, :1, :1], varied.shape))
    assert np.exp(-0.5) <= factors.min() < 0.65
    assert 1.55 < factors.max() <= np.exp(0.5) * 1.0001


def test_noise_has_at_most_its_standard_deviation() -> None:
    images = np.full((300, 28, 28), 0.5, np.float32)
    varied = Augmentation(noise=0.1, noise_probability=1)(images, np.random.default_rng(0))
    spread = varied.std(axis=(1, 2))
    assert spread.min() < 0.01
    assert 0.09 < spread.max() < 0.11


def test_occlusion_wipes_out_one_rectangle_and_leaves_the_rest() -> None:
    images = np.ones((300, 28, 28), np.float32)
    varied = Augmentation(occlusion=0.5, occlusion_probability=1)(images, np.random.default_rng(0))
    assert set(np.unique(varied)) == {0.0, 1.0}
    rows, columns = (varied == 0).any(axis=2), (varied == 0).any(axis=1)
    assert rows.sum(axis=1).max() in (13, 14)
    np.testing.assert_array_equal(varied == 0, rows[:, :, None] & columns[:, None, :])


@pytest.mark.parametrize("name", ["thickness", "blur", "contrast", "noise", "occlusion"])
def test_a_probability_says_how_many_pictures_are_touched(name: str) -> None:
    images = np.full((400, 28, 28), 0.4, np.float32)
    images[:, 5:20, 5:20] = 0.8
    varied = Augmentation(**{name: 0.5, f"{name}_probability": 0.3})(images, np.random.default_rng(0))
    touched = np.abs(varied - images).max(axis=(1, 2)) > 0
    assert 0.2 < touched.mean() < 0.4


@pytest.mark.parametrize("field", [field.name for field in fields(Augmentation)])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_strengths_that_make_no_sense_are_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"augmentation: {field} must be a number from 0"):
        Augmentation(**{field: value})


def test_limits_are_named() -> None:
    with pytest.raises(ValueError, match="thickness must be a number from 0 to 1, got 2"):
        Augmentation(thickness=2)
    with pytest.raises(ValueError, match="elastic_sigma must be above 0"):
        Augmentation(elastic_alpha=1, elastic_sigma=0)


@pytest.mark.parametrize("shape", [(28, 28), (3, 32, 32), (3, 784), (3, 28, 28, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected pictures of 28x28"):
        EVERYTHING(np.zeros(shape, np.float32), np.random.default_rng(0))


def test_a_batch_costs_less_than_a_quarter_of_a_training_step() -> None:
    """A step on 128 pictures takes about as long as 4,400 multiplications of the batch by a number.

    Both are timed in turn, so that a busy machine slows them alike.
    """
    images, rng = np.repeat(blobs(), 2, axis=0), np.random.default_rng(0)
    best = {"augment": np.inf, "multiply": np.inf}
    for _ in range(20):
        for name, work in (("augment", lambda: EVERYTHING(images, rng)), ("multiply", lambda: images * 0.5)):
            start = time.thread_time()
            work()
            best[name] = min(best[name], time.thread_time() - start)
    assert best["augment"] < 1100 * best["multiply"]

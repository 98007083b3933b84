"""Pictures drawn for training: the same each time, in MNIST form, no writer on both sides."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistweb.data.dataset import Dataset
from mnistweb.data.unipen import read_unipen
from mnistweb.recipes import drawn_pictures, drawn_sources, renderings, sources
from mnistweb.recipes.drawings import CANVAS, canvas_picture, in_mnist_form, varied_canvas_picture
from mnistweb.recipes.drawn_sources import (
    draw_negatives,
    draw_stand_ins,
    draw_varied,
    held_out_drawings,
    split_writers,
)
from mnistweb.recipes.errors import RecipeError
from mnistweb.recipes.mixing import NO_CLASS
from mnistweb.recipes.negatives import font_files, material
from mnistweb.recipes.progress import Progress
from mnistweb.recipes.recipe import DataSettings, MixSettings
from mnistweb.recipes.renderings import rendered
from mnistweb.recipes.stand_ins import coarse_scan
from mnistweb.recipes.straight_ones import draw_straight_ones
from tests.recipes.tiny import stroke_digits


@pytest.fixture(autouse=True, scope="module")
def _own_instance_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNISTWEB_INSTANCE", str(tmp_path_factory.mktemp("instance")))
        yield


def dataset_images(count=12):
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 6:22, 12:16] = 255
    return images, np.arange(count, dtype=np.int64) % 10


def test_writers_kept_aside_are_in_one_part_only():
    digits = stroke_digits(30, writers=5)
    learned, held_out = split_writers(digits, (2, 4))
    assert {digit.writer for digit in held_out} == {2, 4}
    assert {digit.writer for digit in learned} == {1, 3, 5}
    assert len(learned) + len(held_out) == 30


@pytest.mark.parametrize("writers", [(9,), (1, 2, 3), ()])
def test_writers_that_leave_a_part_empty_or_do_not_exist_are_refused(writers):
    with pytest.raises(RecipeError, match=r"data\.validation_writers"):
        split_writers(stroke_digits(9, writers=3), writers)


@pytest.mark.parametrize("draw", [canvas_picture, varied_canvas_picture])
def test_a_canvas_picture_is_dark_ink_on_white_and_nothing_is_cut_off(draw):
    rng = np.random.default_rng(0)
    for digit in stroke_digits(10):
        picture = draw(digit, rng)
        assert picture.shape == (CANVAS, CANVAS)
        assert picture.dtype == np.uint8
        border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert (border == 255).all()
        assert (picture < 64).sum() > 300


def drawn_by(kind):
    digits, (images, labels) = stroke_digits(10), dataset_images()
    numbers = np.arange(8)
    return {
        "varied": lambda numbers: draw_varied(numbers, digits),
        "stand-ins": lambda numbers: draw_stand_ins(numbers, digits, images, labels, 3),
        "negatives": lambda numbers: draw_negatives(
            numbers, material(digits, images, labels, held_out=False), 3
        ),
    }[kind], numbers


@pytest.mark.parametrize("kind", ["varied", "stand-ins", "negatives"])
def test_each_picture_depends_on_its_number_alone(kind):
    draw, numbers = drawn_by(kind)
    together, labels = draw(numbers)
    assert together.shape == (8, 28, 28)
    assert together.dtype == np.uint8
    assert labels.dtype == np.int64
    assert together.max(axis=(1, 2)).min() > 100  # there is ink on each of them
    alone, label = draw(numbers[5:6])
    np.testing.assert_array_equal(alone[0], together[5])
    assert label[0] == labels[5]


def test_negatives_have_no_class():
    draw, numbers = drawn_by("negatives")
    assert (draw(numbers)[1] == NO_CLASS).all()


def test_no_font_is_on_both_sides():
    digits, (images, labels) = stroke_digits(10), dataset_images()
    learned = material(digits, images, labels, held_out=False).fonts
    chosen_by = material(digits, images, labels, held_out=True).fonts
    assert sorted(learned + chosen_by) == sorted(font_files())


def test_varied_pictures_show_the_digit_they_are_labelled_with():
    digits = stroke_digits(6)
    assert draw_varied(np.arange(9), digits)[1].tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2]


def test_held_out_drawings_are_a_data_set_in_mnist_form():
    drawings = held_out_drawings(stroke_digits(7))
    assert isinstance(drawings, Dataset)
    assert drawings.labels.tolist() == list(range(7))
    ink = drawings.images[..., 0] > 0.5
    assert ink.any(axis=2).sum(axis=1).max() <= 20  # no digit is longer than 20 pixels


@pytest.mark.parametrize("seed", range(6))
def test_a_coarse_scan_is_coarse_and_can_still_be_read(seed):
    ink = 255 - canvas_picture(stroke_digits(1)[0], np.random.default_rng(0))
    scan = coarse_scan(ink, np.random.default_rng(seed))
    assert isinstance(scan, Image.Image)
    assert in_mnist_form(scan).max() > 200


def shade(numbers, level):
    """A source for these tests: picture n is of the grey n + level. Tells in which process it was drawn."""
    images = np.zeros((len(numbers), 28, 28), np.uint8) + (numbers[:, None, None] + level).astype(np.uint8)
    return images, np.full(len(numbers), os.getpid())


class Counting(Progress):
    def __init__(self):
        self.began, self.advanced, self.ended = 0, 0, 0

    def begin(self, title, total):
        self.began += 1

    def advance(self):
        self.advanced += 1

    def end(self):
        self.ended += 1


def test_pictures_are_drawn_by_other_processes_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(renderings, "_CHUNK", 3)
    progress = Counting()
    images, pids = rendered("test shades", shade, 10, [7], key="k", folder=tmp_path, progress=progress)
    assert images[:, 0, 0].tolist() == list(range(7, 17))
    assert os.getpid() not in pids
    assert (progress.began, progress.advanced, progress.ended) == (1, 4, 1)
    again, same_pids = rendered("test shades", shade, 10, [7], key="k", folder=tmp_path, progress=progress)
    np.testing.assert_array_equal(again, images)
    np.testing.assert_array_equal(same_pids, pids)
    assert progress.began == 1


@pytest.fixture
def one_process(monkeypatch):
    """Draw here; starting other processes takes seconds."""

    def draw_here(draw, arguments, chunks, progress):
        return [draw(chunk, *arguments) for chunk in chunks]

    monkeypatch.setattr(renderings, "_in_processes", draw_here)


def test_straight_ones_are_upright_lines_of_every_length_and_width():
    images, labels = draw_straight_ones(np.arange(60), 7)
    assert images.shape == (60, 28, 28)
    assert (labels == 1).all()
    assert len({picture.tobytes() for picture in images}) > 55
    for picture in images:
        rows, columns = (np.flatnonzero(picture.max(axis=axis) > 40) for axis in (1, 0))
        assert np.ptp(rows) > 1.5 * np.ptp(columns)


def test_a_broken_file_of_kept_pictures_is_drawn_again(tmp_path, one_process):
    rendered("test shades", shade, 3, [7], key="k", folder=tmp_path, progress=Progress())
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    images, _ = rendered("test shades", shade, 3, [7], key="k", folder=tmp_path, progress=Progress())
    assert images[:, 0, 0].tolist() == [7, 8, 9]


def test_other_settings_are_kept_apart(tmp_path, one_process):
    for key in ("one", "two"):
        rendered("test shades", shade, 2, [7], key=key, folder=tmp_path, progress=Progress())
    assert len(list(tmp_path.iterdir())) == 2


def test_a_recipe_with_everything_mixed_in_gets_all_its_sources(real_data_dir, monkeypatch):
    few = [digit for digit in read_unipen(real_data_dir / "pendigits-train.unipen.gz") if digit.writer <= 3][
        ::10
    ]
    monkeypatch.setattr(drawn_pictures, "read_unipen", lambda path: few)
    monkeypatch.setattr(drawn_pictures, "_VALIDATION_PHOTOS", 3)
    monkeypatch.setattr(drawn_pictures, "_VALIDATION_NEGATIVES", 4)
    monkeypatch.setattr(drawn_pictures, "rendered", drawn_here)
    settings = DataSettings(
        validation_writers=(3,),
        renderings=2,
        straight_ones=7,
        photos=5,
        negatives=6,
        mix=MixSettings(0.4, 0.2, 0.1, 0.2, 0.1),
    )
    data = sources.load_training_data(settings, data_dir=real_data_dir)
    learned = [digit for digit in few if digit.writer != 3]
    assert [len(source) for source in data.sources] == [55_000, 2 * len(learned), 7, 5, 6]
    assert {name: len(part) for name, part in data.validation.items()} == {
        sources.OWN: 5000,
        sources.DRAWINGS: len(few) - len(learned),
        sources.PHOTOS: 3,
    }
    assert data.negatives.shape == (4, 28, 28)
    assert len(data.test) == 10_000
    assert len(data.facts["strokes_sha256"]) == 64


def drawn_here(title, draw, count, arguments, **rest):
    return draw(np.arange(count), *arguments)


def test_the_kept_aside_images_are_the_same_for_every_recipe(real_data_dir):
    validation = sources.load_validation(data_dir=real_data_dir)
    data = sources.load_training_data(DataSettings(), data_dir=real_data_dir)
    assert data.validation[sources.OWN].sha256 == validation.sha256
    assert np.bincount(validation.labels).min() > 400


def test_a_missing_stroke_file_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="mnistweb data fetch strokes"):
        drawn_sources.find_strokes_file(tmp_path)


def test_strokes_do_not_mix_with_pictures_of_other_things(real_data_dir, tmp_path, monkeypatch):
    mnist = sources.load_test(data_dir=real_data_dir)
    clothes = Dataset(mnist.images[:100], mnist.labels[:100], "clothes", tuple("abcdefghij"))
    monkeypatch.setattr(sources, "load_dataset", lambda *args, **kwargs: clothes)
    with pytest.raises(RecipeError, match="pen strokes show digits, clothes shows other things"):
        sources.load_training_data(DataSettings(validation=10, mix=MixSettings(0.5, 0.5)))


def slow_shade(numbers, folder):
    """Tells in `folder` which process draws, and takes its time."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(0.2)
    return shade(numbers, 0)


def test_no_process_is_left_when_the_one_that_waits_for_pictures_is_killed(tmp_path):
    code = (
        "from pathlib import Path; from mnistweb.recipes.progress import Progress; "
        "from mnistweb.recipes.renderings import rendered; "
        "from tests.recipes.test_drawn_sources import slow_shade; "
        f"rendered('x', slow_shade, 100_000, [{str(tmp_path)!r}], key='', folder=Path(), progress=Progress())"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    process.kill()
    process.wait()
    workers = [int(path.name) for path in tmp_path.iterdir()]
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def wait_until(condition, *, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)

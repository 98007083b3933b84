"""A prepared network against its layers, one after another."""

import threading

import numpy as np
import pytest

from mnistweb.nn import winograd
from mnistweb.nn.activations import ReLU, Softmax, Tanh
from mnistweb.nn.convolution import Conv2D
from mnistweb.nn.layers import Dense, Flatten
from mnistweb.nn.model import Sequential
from mnistweb.nn.normalization import BatchNorm
from mnistweb.nn.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D

RNG = np.random.default_rng(1)

# What the picture has, and the layers that it goes through.
NETWORKS = {
    "Winograd's way with 4, 4 and 2 lines at once": (
        (28, 28, 1),
        [
            Conv2D(1, 8, 3, padding=1, rng=RNG), ReLU(), MaxPool2D(2),
            Conv2D(8, 16, 3, padding=2, rng=RNG), ReLU(),
            Conv2D(16, 12, 3, padding=1, bias=False, rng=RNG), MaxPool2D(2), ReLU(),
            Conv2D(12, 8, 3, padding=2, rng=RNG),
        ],
    ),
    "few pixels": ((8, 9, 8), [Conv2D(8, 20, 3, rng=RNG), ReLU(), Conv2D(20, 9, 3, bias=False, rng=RNG)]),
    "strides and large kernels": (
        (17, 15, 3),
        [
            Conv2D(3, 9, 5, 2, 2, rng=RNG), ReLU(),
            Conv2D(9, 7, 4, 1, 1, rng=RNG), Conv2D(7, 5, 2, bias=False, rng=RNG),
        ],
    ),
    "pooling that overlaps or leaves gaps": (
        (20, 19, 2),
        [MaxPool2D(3, 2), Conv2D(2, 5, 1, rng=RNG), MaxPool2D(2, 1), MaxPool2D(2, 3), MaxPool2D(1)],
    ),
    "layers that prepare nothing": (
        (8, 8, 2),
        [Tanh(), AveragePool2D(2), Conv2D(2, 9, 3, rng=RNG), Tanh(), GlobalAveragePool2D(), Softmax()],
    ),
    "dense layers": ((6, 5, 1), [ReLU(), Flatten(), Dense(30, 40, rng=RNG), ReLU(), Dense(40, 10, rng=RNG)]),
}  # fmt: skip


def folded_network(name):
    input_shape, layers = NETWORKS[name]
    model = Sequential(layers, input_shape=input_shape)
    for param in model.params.values():
        if param.ndim == 1:
            param[:] = RNG.standard_normal(param.shape)
    return model.folded()


def pictures_for(model, count):
    return np.random.default_rng(2).standard_normal((count, 1, *model.input_shape), dtype=np.float32)


def layer_by_layer(model, picture):
    for layer in model.layers:
        picture = layer.forward(picture)
    return picture


@pytest.mark.parametrize("name", NETWORKS)
def test_each_picture_gets_what_the_layers_give(name):
    model = folded_network(name)
    for picture in pictures_for(model, 3):
        before = picture.copy()
        np.testing.assert_allclose(
            model.forward(picture), layer_by_layer(model, picture), rtol=1e-5, atol=1e-5
        )
        np.testing.assert_array_equal(picture, before)


def test_layers_of_subclasses_answer_as_they_do_otherwise():
    class Doubled(Dense):
        def forward(self, inputs, *, training=False):
            return 2 * super().forward(inputs, training=training)

    class Leaky(ReLU):
        def forward(self, inputs, *, training=False):
            return np.maximum(inputs, inputs / 8)

    layers = [Flatten(), Doubled(30, 9, rng=RNG), BatchNorm(9), Leaky(), Dense(9, 10, rng=RNG)]
    model = Sequential(layers, input_shape=(6, 5, 1))
    pictures = pictures_for(model, 3)[:, 0]
    answers = model.folded().forward(pictures)
    np.testing.assert_allclose(answers, model.forward(pictures), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.folded().forward(pictures[:1]), answers[:1], rtol=1e-5, atol=1e-5)


def test_an_answer_stays_when_the_next_picture_comes():
    model = folded_network("few pixels")
    first, second = pictures_for(model, 2)
    answer = model.forward(first)
    kept = answer.copy()
    assert np.abs(model.forward(second) - kept).max() > 0.1
    np.testing.assert_array_equal(answer, kept)


def test_few_pixels_take_the_plain_way(monkeypatch):
    monkeypatch.setattr(winograd, "steps", None)  # would not be callable
    folded_network("few pixels")
    with pytest.raises(TypeError):
        folded_network("Winograd's way with 4, 4 and 2 lines at once")


def test_other_numbers_in_scratch_memory_change_no_bit():
    one = folded_network("Winograd's way with 4, 4 and 2 lines at once")
    (picture,) = pictures_for(one, 1)
    wanted = one.forward(picture)
    for name in NETWORKS:
        other = folded_network(name)
        other.forward(np.concatenate(pictures_for(other, 5)))
        other.forward(pictures_for(other, 1)[0])
        np.testing.assert_array_equal(one.forward(picture), wanted)


def test_threads_do_not_disturb_each_other():
    model = folded_network("Winograd's way with 4, 4 and 2 lines at once")
    pictures = pictures_for(model, 6)
    wanted = [model.forward(picture) for picture in pictures]
    wrong = []

    def answer(number):
        for _ in range(50):
            if not np.array_equal(model.forward(pictures[number]), wanted[number]):
                wrong.append(number)

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []

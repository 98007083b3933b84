"""The gradient check passes what is right, and finds the classic mistakes."""

import numpy as np
import pytest

from mnistweb.nn import (
    BatchNorm,
    ConfigurationError,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    ReLU,
    Sequential,
    Tanh,
    check_gradients,
)


def small_model():
    rng = np.random.default_rng(0)
    layers = [
        Conv2D(1, 2, 3, rng=rng), BatchNorm(2), MaxPool2D(2), ReLU(), Flatten(),
        Dense(8, 6, rng=rng), Tanh(), Dropout(0.3, rng=rng), Dense(6, 4, rng=rng),
    ]  # fmt: skip
    return Sequential(layers, input_shape=(6, 6, 1))


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    return rng.random((5, 6, 6, 1), np.float32), np.array([0, 3, 1, 1, 2])


def test_a_whole_model_passes(batch):
    model = small_model()
    report = check_gradients(model, *batch)
    assert report.passed, report
    assert [check.name for check in report.checks] == [*model.params, "inputs"]
    assert all(check.checked == model.params[check.name].size for check in report.checks[:-1])


def test_the_model_itself_is_left_as_it_was(batch):
    model, untouched = small_model(), small_model()
    check_gradients(model, *batch)
    np.testing.assert_array_equal(model.flat_params, untouched.flat_params)
    np.testing.assert_array_equal(model.flat_grads, untouched.flat_grads)
    np.testing.assert_array_equal(model.flat_buffers, untouched.flat_buffers)
    assert not model.layers[0].needs_input_grad


def test_a_sample_of_the_entries_can_be_checked(batch):
    report = check_gradients(small_model(), *batch, max_entries=3)
    assert report.passed, report
    assert {check.checked for check in report.checks} == {2, 3}  # BatchNorm has only two of each
    assert report == check_gradients(small_model(), *batch, max_entries=3)


class DenseWithoutBiasGradient(Dense):
    def backward(self, grad_output):
        grad_inputs = super().backward(grad_output)
        self.grads["bias"][...] = 0
        return grad_inputs


class DenseWithWrongSign(Dense):
    def backward(self, grad_output):
        return -super().backward(grad_output)


class DenseWithOneWrongEntry(Dense):
    def backward(self, grad_output):
        grad_inputs = super().backward(grad_output)
        self.grads["weight"][1, 2] += 0.01
        return grad_inputs


@pytest.mark.parametrize(
    ("mistaken", "name"),
    [
        (DenseWithoutBiasGradient, "bias"),
        (DenseWithWrongSign, "inputs"),
        (DenseWithOneWrongEntry, "weight"),
    ],
)
def test_a_mistake_is_found_and_named(mistaken, name):
    rng = np.random.default_rng(0)
    report = check_gradients(mistaken(4, 3, rng=rng), rng.standard_normal((5, 4)))
    assert not report.passed
    assert report.worst.name == name
    assert [check.name for check in report.checks if check.relative_error > 1e-6] == [name]
    assert f"{name} " in str(report)
    assert "WRONG at" in str(report)


def test_the_wrong_entry_is_pointed_at():
    rng = np.random.default_rng(0)
    worst = check_gradients(DenseWithOneWrongEntry(4, 3, rng=rng), rng.standard_normal((5, 4))).worst
    assert worst.worst_index == (1, 2)
    assert worst.analytic - worst.numerical == pytest.approx(0.01)


def test_a_report_without_mistakes_reads_as_a_table():
    rng = np.random.default_rng(0)
    lines = str(check_gradients(Dense(4, 3, rng=rng), rng.standard_normal((5, 4)))).splitlines()
    assert [line.split()[0] for line in lines] == ["parameter", "weight", "bias", "inputs"]
    assert "WRONG" not in "".join(lines)


def test_a_kink_within_reach_of_the_nudge_is_no_mistake():
    inputs = np.array([[5e-6, -5e-6, 0.3, -0.2]])
    assert check_gradients(ReLU(), inputs).passed
    assert not check_gradients(MaxPool2D(2), np.zeros((1, 2, 2, 1))).passed  # a tie has no gradient


def test_each_array_is_reported_as_soon_as_it_is_checked(batch):
    heard = []
    report = check_gradients(small_model(), *batch, max_entries=1, on_check=heard.append)
    assert tuple(heard) == report.checks


def test_checking_no_entry_is_refused():
    with pytest.raises(ConfigurationError, match="max_entries must be at least 1"):
        check_gradients(Flatten(), np.ones((1, 2, 2, 1)), max_entries=0)

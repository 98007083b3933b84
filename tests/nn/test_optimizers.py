"""Every optimizer: two steps by hand, weight decay, and going on from a saved state."""

import math

import numpy as np
import pytest

from mnistweb.nn import SGD, AdaGrad, Adam, AdamW, ConfigurationError, Momentum, RMSProp, ShapeError

RATE = 0.1
OPTIMIZERS = [SGD, Momentum, AdaGrad, RMSProp, Adam, AdamW]


def after_two_steps(optimizer, *, start=1.0, first=2.0, second=-3.0):
    """Where a single parameter comes to after gradients 2 and -3."""
    params = np.array([start])
    for grad in (first, second):
        optimizer.step(params, np.array([grad]), RATE)
    return params[0]


def test_sgd_two_steps():
    assert after_two_steps(SGD()) == pytest.approx(1 - 0.1 * 2 + 0.1 * 3)


def test_momentum_two_steps():
    # v1 = 2, v2 = 0.9 * 2 - 3 = -1.2
    assert after_two_steps(Momentum(momentum=0.9)) == pytest.approx(1 - 0.1 * 2 + 0.1 * 1.2)


def test_nesterov_two_steps():
    # the same v1 and v2; each step is g + 0.9 v
    wanted = 1 - 0.1 * (2 + 0.9 * 2) - 0.1 * (-3 + 0.9 * -1.2)
    assert after_two_steps(Momentum(momentum=0.9, nesterov=True)) == pytest.approx(wanted)


def test_adagrad_two_steps():
    # s1 = 4, s2 = 4 + 9
    assert after_two_steps(AdaGrad()) == pytest.approx(1 - 0.1 * 2 / 2 + 0.1 * 3 / math.sqrt(13))


def test_rmsprop_two_steps():
    # s1 = 0.1 * 4 = 0.4, s2 = 0.9 * 0.4 + 0.1 * 9 = 1.26
    wanted = 1 - 0.1 * 2 / math.sqrt(0.4) + 0.1 * 3 / math.sqrt(1.26)
    assert after_two_steps(RMSProp(rho=0.9)) == pytest.approx(wanted)


def test_adam_two_steps():
    epsilon = 0.01
    m1, v1 = 0.1 * 2, 0.001 * 4
    m2, v2 = 0.9 * m1 + 0.1 * -3, 0.999 * v1 + 0.001 * 9
    wanted = 1 - 0.1 * (m1 / 0.1) / (math.sqrt(v1 / 0.001) + epsilon)
    wanted -= 0.1 * (m2 / (1 - 0.9**2)) / (math.sqrt(v2 / (1 - 0.999**2)) + epsilon)
    assert after_two_steps(Adam(epsilon=epsilon)) == pytest.approx(wanted)


def test_adamw_two_steps():
    # Adam's own steps do not depend on the parameter, so they can be taken from it.
    step1 = after_two_steps(Adam(), start=0.0, second=2) / 2  # with equal gradients both steps are the same
    both = after_two_steps(Adam(), start=0.0)
    wanted = (1 * (1 - RATE * 0.5) + step1) * (1 - RATE * 0.5) + (both - step1)
    assert after_two_steps(AdamW(weight_decay=0.5)) == pytest.approx(wanted)


def test_weight_decay_adds_the_weight_to_the_gradient():
    # g1 = 2 + 0.5 * 1, w1 = 0.75; g2 = -3 + 0.5 * 0.75
    assert after_two_steps(SGD(weight_decay=0.5)) == pytest.approx(0.75 - 0.1 * (-3 + 0.375))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_the_mask_spares_does_not_decay(optimizer):
    plain, decaying = optimizer(weight_decay=0), optimizer(weight_decay=0.5)
    decaying.decay_mask = np.array([1.0, 0.0])
    a, b = np.array([1.0, 1.0]), np.array([1.0, 1.0])
    for grad in (2.0, -3.0):
        plain.step(a, np.array([grad, grad]), RATE)
        decaying.step(b, np.array([grad, grad]), RATE)
    assert b[1] == a[1]
    assert b[0] != a[0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_valley_is_descended(optimizer):
    params = np.array([3.0, -2.0])
    descending = optimizer()
    losses = []
    for _ in range(300):
        losses.append(float((params**2 * [1, 5]).sum()))
        descending.step(params, 2 * params * [1, 5], 0.05)
    assert losses[-1] < losses[0] / 5


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_saved_state_goes_on_as_if_never_interrupted(optimizer):
    rng = np.random.default_rng(0)
    grads = rng.standard_normal((6, 20)).astype(np.float32)
    straight, first, second = optimizer(), optimizer(), optimizer()
    a, b = np.ones(20, np.float32), np.ones(20, np.float32)
    for grad in grads:
        straight.step(a, grad.copy(), RATE)
    for grad in grads[:3]:
        first.step(b, grad.copy(), RATE)
    saved = first.state()
    first.step(b.copy(), grads[0].copy(), RATE)  # what is saved is a copy: it does not notice
    second.load_state(saved)
    for grad in grads[3:]:
        second.step(b, grad.copy(), RATE)
    np.testing.assert_array_equal(a, b)
    assert a.dtype == np.float32


@pytest.mark.parametrize("optimizer", [SGD, Momentum, AdaGrad, RMSProp, Adam, AdamW])
def test_two_that_change_a_part_each_do_what_one_does(optimizer, monkeypatch):
    """With decay, and in more blocks than one."""
    monkeypatch.setattr("mnistweb.nn.optimizers._BLOCK_SIZE", 7)
    rng = np.random.default_rng(0)
    alone, first = optimizer(weight_decay=0.1), optimizer(weight_decay=0.1)
    alone.decay_mask = first.decay_mask = (rng.random(20) < 0.5).astype(np.float32)
    whole = rng.standard_normal(20).astype(np.float32)
    halved = whole.copy()
    first.move(halved, np.zeros)
    second = first.replica()
    for _ in range(3):
        grads = rng.standard_normal(20).astype(np.float32)
        alone.step(whole, grads.copy(), 0.1)
        first.step(halved, grads.copy(), 0.1, [slice(0, 3), slice(12, None)])
        second.step(halved, grads.copy(), 0.1, [slice(3, 12)])
    np.testing.assert_array_equal(halved, whole)
    for name, moment in alone.moments.items():
        np.testing.assert_array_equal(first.moments[name], moment)


@pytest.mark.parametrize("optimizer", [Momentum, RMSProp, Adam, AdamW])
def test_a_moment_that_fades_does_not_end_among_subnormal_numbers(optimizer):
    """Those are never left again, and take a hundred times longer to compute with."""
    params, grads = np.ones(2, np.float32), np.ones(2, np.float32)
    fading = optimizer()
    with np.errstate(under="raise"):
        for _ in range(10_000):
            fading.step(params, grads.copy(), 1e-3)
            grads[0] = 0
    faded, other = fading.moments[fading.moment_names[0]]
    assert faded == 0
    assert other != 0


def test_a_state_of_another_optimizer_is_refused():
    adam = Adam()
    adam.step(np.ones(2), np.ones(2), RATE)
    with pytest.raises(ConfigurationError, match="Momentum got the state of Adam after 1 steps"):
        Momentum().load_state(adam.state())
    # Neither what remembers nothing nor what remembers something of the same name.
    for other, state in ((adam, SGD().state()), (RMSProp(), AdaGrad().state())):
        with pytest.raises(ConfigurationError, match="got the state of"):
            other.load_state(state)
    with pytest.raises(ConfigurationError, match=r"Adam keeps \['grad_sums', 'square_sums'\], got \[\]"):
        adam.load_state({"optimizer": "Adam", "steps_taken": 500})
    assert adam.steps_taken == 1


def test_a_state_from_before_the_first_step_is_taken_over():
    fresh = Adam()
    fresh.load_state(Adam().state())
    fresh.step(np.ones(2), np.ones(2), RATE)
    assert fresh.steps_taken == 1


def test_vectors_of_different_lengths_are_refused():
    with pytest.raises(ShapeError, match=r"got \(3,\) and \(2,\)"):
        SGD().step(np.ones(3), np.ones(2), RATE)
    decaying = SGD(weight_decay=0.1)
    decaying.decay_mask = np.ones(2)
    with pytest.raises(ShapeError, match="decay_mask is one of 2 parameters, but 3 came"):
        decaying.step(np.ones(3), np.ones(3), RATE)
    adam = Adam()
    adam.step(np.ones(2), np.ones(2), RATE)
    with pytest.raises(ShapeError, match="Adam remembers 2 parameters, but 3 came"):
        adam.step(np.ones(3), np.ones(3), RATE)


@pytest.mark.parametrize(
    ("optimizer", "settings", "name"),
    [
        (Momentum, {"momentum": 1.0}, "momentum"),
        (Adam, {"beta1": -0.1}, "beta1"),
        (Adam, {"beta2": 1.0}, "beta2"),
        (RMSProp, {"epsilon": 0.0}, "epsilon"),
        (SGD, {"weight_decay": -1.0}, "weight_decay"),
        (SGD, {"weight_decay": math.nan}, "weight_decay"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(optimizer, settings, name):
    with pytest.raises(ConfigurationError, match=f"{name} must"):
        optimizer(**settings)

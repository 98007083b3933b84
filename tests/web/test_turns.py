"""Small pictures take turns in a process."""

import threading

from mnistweb.web.turns import in_turn


def entered(pixels: int) -> bool:
    """Whether another thread gets in at once."""
    inside = threading.Event()

    def enter() -> None:
        with in_turn(pixels):
            inside.set()

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    return inside.wait(0.1)


def test_a_small_picture_waits_for_its_turn_and_a_large_one_does_not():
    with in_turn(280 * 280):
        assert entered(4000 * 3000)
        assert not entered(280 * 280)
    assert entered(280 * 280)


def test_the_turn_ends_with_an_error_too():
    try:
        with in_turn():
            raise ValueError
    except ValueError:
        pass
    assert entered(28 * 28)

from __future__ import annotations

import os
import signal
import threading

import pytest

from studies.interrupts import held_back


def test_ctrl_c_waits_until_the_block_is_done() -> None:
    done = []

    @held_back()
    def pressed() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        done.append(1)

    with pytest.raises(KeyboardInterrupt):
        pressed()
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_one_does_not_wait() -> None:
    reached = []

    @held_back()
    def pressed_twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        reached.append(1)
        os.kill(os.getpid(), signal.SIGINT)
        reached.append(2)

    with pytest.raises(KeyboardInterrupt):
        pressed_twice()
    assert reached == [1]


def test_it_is_a_decorator_and_what_is_raised_inside_goes_on() -> None:
    @held_back()
    def fail() -> None:
        raise ValueError("inside")

    for _ in range(2):
        with pytest.raises(ValueError, match="inside"):
            fail()


def test_other_threads_are_left_alone() -> None:
    seen = []

    def run() -> None:
        with held_back():
            seen.append(1)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [1]

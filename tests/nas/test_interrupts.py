from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from nas.interrupts import held_back, starting_process


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


@pytest.fixture
def second_thread() -> Iterator[None]:
    """A thread that hears signals while the main one blocks them."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("second_thread")
def test_ctrl_c_waits_until_a_process_is_started_whole() -> None:
    done = []

    @starting_process()
    def pressed() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        done.append(1)

    with pytest.raises(KeyboardInterrupt):
        pressed()
    assert done == [1]


def test_ctrl_c_does_not_reach_a_process_that_was_started_so() -> None:
    with starting_process():
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    child.send_signal(signal.SIGINT)
    child.communicate(b"\n", timeout=30)
    assert child.returncode == 0

"""SIGTERM as an exception, while somebody has something to put back."""

import os
import signal
import threading

import pytest

from components.errors import DeployError
from components.termination import terminable, undisturbed


def tell() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _work(done: list[str]) -> None:
    try:
        done.append("begun")
        tell()
    except Exception:
        # Who tries again catches these.
        done.append("tried again")
    finally:
        tell()
        done.append("put back")


def test_terminable_raises_once_and_sets_the_handler_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    done: list[str] = []
    with pytest.raises(DeployError, match=r"told to end \(SIGTERM\)"), terminable():
        _work(done)
    assert done == ["begun", "put back"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_undisturbed_comes_to_its_end_and_sets_the_handler_back() -> None:
    with terminable():
        within = signal.getsignal(signal.SIGTERM)
        with undisturbed():
            tell()
        assert signal.getsignal(signal.SIGTERM) is within


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_undisturbed_tells_once_that_it_goes_on(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    told: list[str] = []
    with undisturbed(lambda: told.append(threading.current_thread().name)):
        assert signal.getsignal(number) not in (signal.SIG_DFL, before)
        for _ in range(3):
            signal.raise_signal(number)
    assert len(told) == 1
    assert told != [threading.current_thread().name]
    assert signal.getsignal(number) is before


def test_undisturbed_tells_nobody_where_nothing_came() -> None:
    told: list[str] = []
    with undisturbed(lambda: told.append("told")):
        pass
    assert told == []


def test_another_thread_handles_no_signals() -> None:
    found: list[object] = []

    def work() -> None:
        with terminable(), undisturbed():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]

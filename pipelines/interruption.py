"""Which signals end a command, and how: once, as Ctrl-C does, with everything put back."""

import os
import signal
from typing import NoReturn

# A service manager's stop and a closed terminal are to end a run as Ctrl-C does; and a shell that
# starts a job in the background leaves SIGINT ignored, where it was sent on purpose.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_on_signals() -> None:
    """Has each of the signals raise `KeyboardInterrupt`, the first time that one comes."""
    terminal = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    def interrupt(number: int, _frame: object) -> NoReturn:
        # A second one must not disturb the putting back.
        for other in _SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        if number == signal.SIGHUP:
            _forget(terminal)
        raise KeyboardInterrupt

    for number in _SIGNALS:
        # What nohup starts is meant to outlive its terminal.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def _forget(terminal: list[int]) -> None:
    """Sends what is still said nowhere: a terminal that hung up fails whoever writes to it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in terminal:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)

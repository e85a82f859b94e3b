"""Runs a module as process 1 of a container, one that ends on SIGTERM from its first moment on.

The kernel keeps from process 1 every signal that it has no handler for. Our services install theirs
after seconds of imports; until then `docker stop`, or the end of a pod, would wait for the kill.
Called as `python3 start.py MODULE [ARGUMENT...]`.
"""

import os
import runpy
import signal
import sys
from types import FrameType


def end(number: int, _: FrameType | None) -> None:
    """Ends at once; nothing has begun that could be left half done."""
    os._exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)

"""What kfp's local runner starts for a task: hands the call to the warm interpreter.

A script of the standard library alone, run without `site`, so that it costs a few milliseconds.
Where nobody answers it becomes an ordinary interpreter, so the warm one can be absent, or die.
"""

import json
import os
import socket
import sys

EXECUTOR = ["-m", "kfp.dsl.executor_main"]
# What the shell says of a process that was killed; the task left no word of its own.
KILLED = 137


def main(address: str, python: str, arguments: list[str]) -> int:
    """Runs one call of the interpreter.

    Args:
        address: the warm interpreter's socket.
        python: the ordinary interpreter.
        arguments: what follows `python3` in the call.

    Returns:
        The task's exit status.
    """
    if arguments[:2] != EXECUTOR:
        os.execv(python, [python, "-P", *arguments])  # noqa: S606
    call = {"arguments": arguments[2:], "folder": os.getcwd(), "environment": dict(os.environ)}
    text = json.dumps(call).encode()
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(address)
        except OSError:
            os.execv(python, [python, "-P", *arguments])  # noqa: S606
        socket.send_fds(line, [len(text).to_bytes(4, "big")], [1, 2])
        line.sendall(text)
        answer = line.recv(1)
    return answer[0] if answer else KILLED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))

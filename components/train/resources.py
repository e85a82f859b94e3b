"""How many threads a fit may use: as many as its task has CPU, or a throttled pod fits slower."""

import math
import os
import re

from components.errors import SpecError

# Fitting a small table on two threads costs more in hand-over than it saves: histogram boosting
# on 400 rows took 0.5 s with one and 0.6 to 4.5 s with two, by what else ran (measured).
_FEWEST_VALUES = 1_000_000
_CPU = re.compile(r"[0-9]+(\.[0-9]+)?|[0-9]+m")


def whole_cpus(limit: str) -> int:
    """Reads a Kubernetes CPU quantity as a number of threads.

    Args:
        limit: such as `2`, `0.5` or `500m`.

    Returns:
        The whole CPUs, rounded up, at least 1 and at most the cores of this machine.

    Raises:
        SpecError: it is no such quantity.
    """
    if not _CPU.fullmatch(limit):
        msg = f"cpu {limit!r} is no CPU quantity: expected such as '2', '0.5' or '500m'"
        raise SpecError(msg)
    cpus = float(limit[:-1]) / 1000 if limit.endswith("m") else float(limit)
    return max(1, min(math.ceil(cpus), _cores()))


def worthwhile_threads(threads: int, values: int) -> int:
    """Returns the threads that pay off for a table of so many values: one for a small table."""
    return threads if values >= _FEWEST_VALUES else 1


def _cores() -> int:
    """The cores this process may run on; macOS knows no affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_threads(threads: int) -> None:
    """Holds OpenMP and BLAS to a number of threads, for this process and from now on."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=threads)

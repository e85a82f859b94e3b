"""How many threads a fit may use: as many as its task has CPU, or a throttled pod fits slower."""

import math
import os


def whole_cpus(limit: str) -> int:
    """Reads a Kubernetes CPU quantity as a number of threads.

    Args:
        limit: such as `2`, `0.5` or `500m`.

    Returns:
        The whole CPUs, rounded up, at least 1 and at most the cores of this machine.
    """
    cpus = float(limit[:-1]) / 1000 if limit.endswith("m") else float(limit)
    return max(1, min(math.ceil(cpus), _cores()))


def _cores() -> int:
    """The cores this process may run on; macOS knows no affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_threads(threads: int) -> None:
    """Holds OpenMP and BLAS to a number of threads, for this process and from now on."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=threads)

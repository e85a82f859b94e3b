"""The monitor's benchmark: events acknowledged, memory, what drift costs, when it is seen.

Run: `make bench-monitor`, or a part of it: `python tests/benchmarks/bench_monitor.py cost`.
The parts are modules of `tests/benchmarks/monitor/`, each with a `report` that prints its table.
Evidently runs in an environment of its own, made once (700 MB); without it its row is left out.
"""

import argparse
from collections.abc import Callable

from tests.benchmarks.monitor import closing, cost, detection, load, memory

PARTS: dict[str, Callable[[], None]] = {
    "load": load.report,
    "memory": memory.report,
    "cost": cost.report,
    "detection": detection.report,
    "closing": closing.report,
}


def _part(name: str) -> str:
    if name not in PARTS:
        msg = f"{name!r} is no part: expected one of {', '.join(PARTS)}"
        raise argparse.ArgumentTypeError(msg)
    return name


def main() -> None:
    """Prints the tables of the parts that are asked for; of all, unless told."""
    parser = argparse.ArgumentParser(description="The monitor's benchmark.")
    parser.add_argument("parts", nargs="*", type=_part, help=f"of {', '.join(PARTS)}; else all")
    for part in parser.parse_args().parts or PARTS:
        PARTS[part]()
        print()


if __name__ == "__main__":
    main()

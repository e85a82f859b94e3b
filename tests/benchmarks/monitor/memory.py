"""The monitor's resident memory while a million events come, with everything else going on.

Events of 1 kB, fifty in a request, from wrk; meanwhile the judge judges them. The first rounds fill
what is bounded: SQLite's page cache, Python's arenas, the windows of the judge.
"""

from components.monitor.storage.addresses import Address
from tests.benchmarks.monitor.load import measure, processes, started, stored
from tests.benchmarks.serving.load import require_wrk
from tests.monitors import Monitor

EVENTS = 1_000_000
BATCH = 50
CONNECTIONS = 8
SETTLED = 4
"""Rounds after which the memory has to stay as it is."""


def report() -> None:
    """Prints a line for each round, and by how much the memory grew after the first ones."""
    require_wrk()
    print(f"resident memory over {EVENTS:,} events of 1 kB, {BATCH} in a request")
    print(f"  {'events':>12}{'MiB':>8}")
    with started("sqlite") as (monitor, address):
        seen = _watch(monitor, address)
    settled = seen[min(SETTLED, len(seen)) - 1]
    print(f"  growth after the first {SETTLED} rounds: {seen[-1] - settled:+.1f} MiB")


def _watch(monitor: Monitor, address: Address) -> list[float]:
    """Loads the monitor round after round; returns the MiB after each."""
    seen: list[float] = []
    events = 0
    while events < EVENTS:
        measure(monitor, address, BATCH, connections=CONNECTIONS)
        events = stored(address)
        resident = [process.memory_info().rss for process in processes(monitor.process.pid)]
        seen.append(sum(resident) / 2**20)
        print(f"  {events:>12,}{seen[-1]:>8.1f}", flush=True)
    return seen


if __name__ == "__main__":
    report()

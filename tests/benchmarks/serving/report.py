"""The benchmark's table, its targets, and its file."""

import json
import math
import os
import platform
import statistics
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.serving.cases import Case
from tests.benchmarks.serving.load import Measured
from tests.benchmarks.serving.startup import Startup

Results = dict[Case, dict[str, list[Measured]]]
_SERVERS = ("ours", "stock", "mlserver", "bare", "loop", "beside")
_MEBI = 2**20


def median(found: list[Measured], figure: str) -> float:
    """Returns the median of a figure over the repetitions."""
    return float(statistics.median(getattr(measured, figure) for measured in found))


def error(found: list[Measured]) -> float:
    """Returns the standard error of the median CPU as a share of it; for a normal distribution."""
    if len(found) < 2:
        return math.inf
    spread = statistics.stdev(measured.cpu for measured in found)
    deviations = math.sqrt(math.pi / 2 / len(found))
    return deviations * spread / median(found, "cpu")


def print_case(case: Case, found: dict[str, list[Measured]]) -> None:
    """Prints a row for each server: CPU, its median's standard error, latencies, ratios."""
    head = f"{case!s:<20}{'CPU µs':>9}{'±%':>5}{'p50 µs':>9}{'p99 µs':>9}"
    print(f"\n{head}{'of stock':>10}{'of bare':>9}{'events lost':>13}")
    for server in (name for name in _SERVERS if name in found):
        runs = found[server]
        cpu = median(runs, "cpu")
        row = f"{server:<20}{cpu * 1e6:>9.1f}{error(runs) * 100:>5.1f}"
        row += "".join(f"{median(runs, p) * 1e6:>9.0f}" for p in ("p50", "p99"))
        row += _share(cpu, found, "stock", 10) + _share(cpu, found, "bare", 9)
        lost = sum(m.dropped for m in runs)
        print(row + (f"{lost:>13}" if server in ("ours", "beside") else ""), flush=True)


def print_startup(startup: Startup) -> None:
    """Prints what our server weighs above kserve's import."""
    print(f"\n{'':<24}{'resident MiB':>14}{'CPU s to ready':>16}")
    rows = {
        "import kserve": (startup.bare_resident, startup.bare_cpu),
        "our server": (startup.resident, startup.cpu),
        "above": (startup.resident - startup.bare_resident, startup.cpu - startup.bare_cpu),
    }
    for name, (resident, cpu) in rows.items():
        print(f"{name:<24}{resident / _MEBI:>14.1f}{cpu:>16.2f}")


def print_targets(results: Results, startup: Startup | None) -> None:
    """Prints every target that this run could judge, and whether it is reached."""
    print("\ntargets")
    for case, found in results.items():
        ours = found.get("ours")
        for other, most in _targets(case):
            if ours and other in found:
                ratio = median(ours, "cpu") / median(found[other], "cpu")
                _print_target(f"{case} of {other}", ratio, most, "")
    if startup is not None:
        above = (startup.resident - startup.bare_resident) / 1e6
        _print_target("resident above import kserve", above, 80, " MB")
        _print_target("CPU to ready above it", startup.cpu - startup.bare_cpu, 2, " s")


def write(path: Path, results: Results, startup: Startup | None, settings: dict[str, Any]) -> None:
    """Writes the results; medians, times in microseconds."""
    document: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(terse=True)},
        "libraries": {name: version(name) for name in ("kserve", "onnxruntime", "scikit-learn")},
        "settings": settings,
    }
    for key, figure in (("cpu_us", "cpu"), ("p50_us", "p50"), ("p99_us", "p99")):
        document[key] = {
            str(case): {name: round(median(runs, figure) * 1e6, 1) for name, runs in found.items()}
            for case, found in results.items()
        }
    document["ratio_to_stock"] = {
        str(case): round(median(found["ours"], "cpu") / median(found["stock"], "cpu"), 4)
        for case, found in results.items()
        if "ours" in found and "stock" in found
    }
    document["events_dropped"] = {
        str(case): sum(m.dropped for m in found["ours"])
        for case, found in results.items()
        if "ours" in found
    }
    if startup is not None:
        document["startup"] = {
            "bare_import_kserve": {"rss_bytes": startup.bare_resident, "cpu_s": startup.bare_cpu},
            "ours": {"rss_bytes": startup.resident, "cpu_s": startup.cpu},
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _targets(case: Case) -> list[tuple[str, float]]:
    """Returns the targets of a case: beside whom, and the greatest ratio; gRPC has none."""
    if not case.http:
        return []
    most = 1 / 5
    if case.protocol == "v1" and case.count == 1:
        most = 1 / 20
    if case.protocol != "v1" and case.count == 100:
        most = 1 / 6
    if case.kind == "mixed" and case.count == 1:
        most = 1 / 40
    return [("stock", most), *([("bare", 1.5)] if case.count == 1 else [])]


def _print_target(name: str, value: float, most: float, unit: str) -> None:
    verdict = "reached" if value <= most else "NOT REACHED"
    print(f"{name:<34}{value:>9.3f}{unit} at most {most:.3f}{unit}: {verdict}")


def _share(cpu: float, found: dict[str, list[Measured]], other: str, width: int) -> str:
    return f"{cpu / median(found[other], 'cpu'):>{width}.3f}" if other in found else " " * width

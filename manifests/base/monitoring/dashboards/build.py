"""Writes Grafana's dashboards as the JSON files that stand beside this one.

    python manifests/base/monitoring/dashboards/build.py [FOLDER]

The files are checked in, for kustomize reads them, and a test builds them again and compares. The
builder is no part of the package: nothing that runs needs it or its library, and it belongs to what
it makes. What a panel asks for is checked by promtool, and each metric against those that the
services expose (tests/manifests/test_dashboards.py).
"""

import sys
from pathlib import Path

import model
import monitor
import serving
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

DASHBOARDS = {
    "kubeloop-serving": serving.dashboard,
    "kubeloop-model": model.dashboard,
    "kubeloop-monitor": monitor.dashboard,
}


def write(folder: Path) -> None:
    """Writes every dashboard into a folder."""
    for name, builder in DASHBOARDS.items():
        (folder / f"{name}.json").write_text(_json(builder()), encoding="utf-8")


def _json(builder: Dashboard) -> str:
    # Sorted and indented, so that a change can be read.
    return JSONEncoder(sort_keys=True, indent=1).encode(builder.build()) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

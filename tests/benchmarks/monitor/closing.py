"""Seconds and rows from a changed world to version 2 in service: the demonstration's own timeline.

Once where the monitor's verdicts start the run, once with Prometheus and Alertmanager between.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from pipelines.demonstration.alerting import missing


def report() -> None:
    """Prints the timeline of each way."""
    for alerts in ("own", "prometheus"):
        print(f"from the change to version 2, alerts by {alerts}", flush=True)
        if alerts == "prometheus" and (lacking := missing()):
            print(f"  left out, not installed: {', '.join(lacking)}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "demonstration"
            command = [sys.executable, "-m", "pipelines.demonstration", "--folder", str(place)]
            # It fails where the loop did not close; the other way is measured all the same.
            if subprocess.run([*command, "--alerts", alerts], check=False).returncode:
                print("  THE LOOP DID NOT CLOSE")


if __name__ == "__main__":
    report()

"""How long the loop takes on one machine, and where the time goes.

Prints three tables: the whole run; for each stage the seconds, the logic's share, what is left as
overhead beside a no-op task of kfp's own, and the peak memory; and for each stage what its
overhead is made of. Run it on a quiet machine: `python tests/benchmarks/bench_loop.py [RUNS]`.

Findings (2 cores): an empty task of kfp's costs about 0.3 s, of which 0.1 s is the interpreter and
kfp's executor. What a stage pays above that are the imports of its own libraries: MLflow in
champion, register and crown, scikit-learn, pandas and Optuna in train, and so on. No process is
shared between stages, because on a cluster each is a pod.
"""

import ast
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "pipelines" / "specs" / "breast-cancer.yaml"
FACES = {
    "champion": "register",
    "register": "register",
    "crown": "register",
}
STAGES = ["champion", "ingest", "validate", "prepare", "train", "evaluate", "package"]
STAGES += ["register", "deploy", "crown"]
NO_OP = """
import sys, time
from kfp import dsl, local
@dsl.component(base_image="python:3.11", install_kfp_package=False)
def nothing():
    pass
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
for _ in range(5):
    began = time.perf_counter()
    nothing()
    print("SECONDS", time.perf_counter() - began)
"""


def main(runs: int) -> None:
    """Prints the tables.

    Args:
        runs: how many whole runs to time; the tables show medians.
    """
    results = [run_once() for _ in range(runs)]
    walls = sorted(wall for wall, _ in results)
    print(f"make run, after set-up: {statistics.median(walls):.1f} s", end="")
    print(f" ({runs} runs, {walls[0]:.1f} to {walls[-1]:.1f}); to reach: 45 s on 2 cores\n")
    no_op = time_no_op()
    print(f"{'stage':<10}{'seconds':>9}{'logic':>8}{'overhead':>10}{'no-op':>7}{'peak MiB':>10}")
    overheads = {}
    for stage in STAGES:
        figures = [result["stages"][stage] for _, result in results]
        seconds = statistics.median(f["seconds"] for f in figures)
        logic = statistics.median(f["logic_seconds"] for f in figures)
        peak = max(f["peak_bytes"] for f in figures) / 2**20
        overheads[stage] = seconds - logic
        row = f"{stage:<10}{seconds:>9.2f}{logic:>8.2f}{seconds - logic:>10.2f}{no_op:>7.2f}"
        print(f"{row}{peak:>10.0f}")
    print("\nwhere the overhead goes, in seconds (train: of one of its three processes)")
    print(f"{'stage':<10}{'kfp task':>9}{'imports':>9}{'measured':>10}")
    bare = time_python("pass")
    for stage in STAGES:
        imports = time_python(body_imports(stage)) - bare
        print(f"{stage:<10}{no_op:>9.2f}{imports:>9.2f}{overheads[stage]:>10.2f}")


def run_once() -> tuple[float, dict]:
    """Runs the loop in a new state folder; returns wall-clock seconds and the result."""
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-P", "-m", "pipelines.cli", "run", str(SPEC)]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "--state", state, "--json"], capture_output=True, text=True, check=True
        )
        return time.perf_counter() - began, json.loads(done.stdout)


def time_no_op() -> float:
    """Times an empty component of kfp's own under the same runner; the median of five."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "no_op.py")
        script.write_text(NO_OP, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script), folder], capture_output=True, text=True, check=True
        )
    lines = [line.split() for line in done.stdout.splitlines()]
    return statistics.median(float(line[1]) for line in lines if line[:1] == ["SECONDS"])


def body_imports(stage: str) -> str:
    """Returns the import statements in the body of a stage's component."""
    face = ROOT / "components" / FACES.get(stage, stage) / "component.py"
    module = ast.parse(face.read_text(encoding="utf-8"))
    body = next(n for n in module.body if isinstance(n, ast.FunctionDef) and n.name == stage)
    return "\n".join(ast.unparse(n) for n in ast.walk(body) if isinstance(n, ast.ImportFrom))


def time_python(code: str) -> float:
    """Times a whole interpreter that runs some code; the least of three."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-P", "-c", code], check=True)
        times.append(time.perf_counter() - began)
    return min(times)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)

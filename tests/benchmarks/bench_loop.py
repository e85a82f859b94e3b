"""How long the loop takes on one machine, and where the time goes.

Prints two tables: the whole run, warm and with every task started cold (`--isolated`, as a cluster
does); and for each stage the logic's seconds, the overhead of both ways beside a no-op task of
kfp's own, what of the cold overhead is imports, and the peak memory of its process. Run it on a
quiet machine: `python tests/benchmarks/bench_loop.py [RUNS]`.

Findings (2 cores): an empty task of kfp's costs 0.1 to 0.3 s. Cold, what a stage pays above that
are the imports of its own libraries: three to four seconds of scikit-learn, pandas and SciPy in
train, evaluate and package, four to six of MLflow in register and crown. Warm, those libraries are
imported once beside the first stages, and a task costs about what kfp's no-op does; MLflow stays
cold, since it imports Polars, which starts threads and must not be forked.
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
        runs: how many whole runs to time each way; the tables show medians.
    """
    warm = [run_once() for _ in range(runs)]
    cold = [run_once("--isolated") for _ in range(runs)]
    for name, results in (("make run", warm), ("make run, every task cold", cold)):
        walls = sorted(wall for wall, _ in results)
        print(f"{name:<26}{statistics.median(walls):>6.1f} s", end="")
        print(f"  ({runs} runs, {walls[0]:.1f} to {walls[-1]:.1f}; to reach: 45 s on 2 cores)")
    no_op, bare = time_no_op(), time_python("pass")
    print(f"\nkfp's own no-op task: {no_op:.2f} s; overhead is a stage's seconds less its logic's")
    head = f"{'stage':<10}{'logic':>8}{'overhead':>10}{'cold':>8}{'of it imports':>15}"
    print(f"{head}{'peak MiB, cold':>16}")
    for stage in STAGES:
        logic = middle(warm, stage, "logic_seconds")
        overhead = middle(warm, stage, "seconds") - logic
        isolated = middle(cold, stage, "seconds") - middle(cold, stage, "logic_seconds")
        imports = time_python(body_imports(stage)) - bare
        peak = middle(cold, stage, "peak_bytes") / 2**20
        row = f"{stage:<10}{logic:>8.2f}{overhead:>10.2f}{isolated:>8.2f}{imports:>15.2f}"
        print(f"{row}{peak:>16.0f}")
    print("(train: its two waves of tasks together; MLflow is imported inside the logic)")


def middle(results: list[tuple[float, dict]], stage: str, figure: str) -> float:
    """Returns the median of a stage's figure over the runs."""
    return statistics.median(result["stages"][stage][figure] for _, result in results)


def run_once(*options: str) -> tuple[float, dict]:
    """Runs the loop in a new state folder; returns wall-clock seconds and the result."""
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-P", "-m", "pipelines.cli", "run", str(SPEC), *options]
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

"""Our model server beside others: CPU of one request, latency, memory and CPU to ready.

Every server serves the same fitted pipeline (`serving.models`), one process, one ONNX Runtime and
one OpenMP thread, keep-alive. Ours has metrics on and sends its events to a sink that is never the
slower one; the table says how many were lost. Answers are held against the pipeline's own before
anything is timed. CPU is what the kernel charges the server's process, all threads, from before a
load until it has come to rest after it, divided by the requests that the load generator counts;
loads of the servers take turns, and the table shows medians; where one may still be off by more
than 2 %, because of the server or the machine, every server gets further turns. Latencies are of
four requests under way at once on a server that has no other limit: they compare servers, and
promise nothing. A shared machine doubles the CPU of everything that waits for memory; ratios move
far less.

Run: `make bench-serve` (20 minutes; `wrk` has to be installed), or parts of it:
`python tests/benchmarks/bench_serve.py --cases 'v1-*-1' --servers ours,stock`.
`--beside PATH` serves another checkout beside this one, which is how a change is judged.

Findings (2 shared cores, sampled by CPU time). What a request costs beside the model, before any
tuning:

- One row of numbers by V1, 225 µs where bare ASGI takes 75: 62 of them were the events' thread. It
  posted whatever had come since its last post, one event or two at a time, and built them while
  holding the interpreter, for which answers waited 5 ms at a time. 27 were the garbage collector,
  which walked all that kserve and its kin had made: its pauses were the p99 of 70 to 100 ms. Of the
  rest, ONNX Runtime is 22 %, sending 23 % (uvicorn writes head and body by two system calls, each
  of which wakes the client), reading twenty numbers 18 % (a dozen numpy calls on next to nothing),
  the task, cycle and proxy-header layers of ASGI some 15 %, metrics 5 % (a lock for each of six),
  the request's id 3 %.
- One row of mixed columns by V1: the same, and ONNX Runtime 29 %.
- 100 rows of numbers by V2, 890 µs: ONNX Runtime 38 %; reading 27 % (cutting the matrix into
  columns and zipping them to rows again, a type check of 2000 values, and lists to arrays), parsing
  the JSON 7 %, and 230 µs for the event: 2000 float32 written with 17 digits each.
- 100 rows of mixed columns by V2: ONNX Runtime 50 %, reading 27 %, of which texts, one by one, 11
  %.
- Binary tensors: of 100 rows of numbers a quarter of the CPU went into turning bytes to a list, to
  columns, to rows and to an array again; of one mixed row 15 % into checking twenty descriptions
  and 6 % into making frozen dataclasses; telling the content type by the mail parser cost 2 %.

What was left after a first round of tuning, one row of numbers by V1, 120 µs where bare ASGI takes
83: a server that only takes the request off the wire and answers a constant needs 10 of them, ONNX
Runtime 42, though it takes 8 alone in a loop, and each line of ours costs two to three times what
it does alone: between two requests, the kernel, Python and the model's trees push one another out
of the processor's caches. So it is not lines that are dear but how much code a request touches:
parsing a head that has come before (some 15 µs), booking each request on its own (18, of which its
event 13: by the dozen 6), the numbers of 100 rows as digits (60; as Base64 of float32 6), two
searches of a 20 kB body for a truth value (22; for a single letter first 1).

The stock server's time is scikit-learn's own checks of every input (a frame of mixed columns: 4 to
6 ms) on top of KServe's 500 µs; in V2 also pydantic's look at every number.
"""

import argparse
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from tests.benchmarks.serving import answers, report
from tests.benchmarks.serving.cases import Case, all_cases, questions
from tests.benchmarks.serving.load import CONNECTIONS, Measured, in_a_loop, require_wrk, under_load
from tests.benchmarks.serving.models import KINDS, Served, build
from tests.benchmarks.serving.report import Results
from tests.benchmarks.serving.servers import SPEAKS, Running, running, takes_part
from tests.benchmarks.serving.startup import measure

RESULTS = Path(__file__).parent / "results" / "serve.json"
WARM_UP_S = 1.0
CERTAIN = 0.02
"""The standard error of a median, as a share of it, from which further turns tell nothing new."""
MOST_TURNS = 12


def main() -> None:
    """Prints the tables and writes the results."""
    options = read_options()
    require_wrk()
    results: Results = {}
    startup = None
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            cases = [case for case in options.cases if case.kind == kind]
            if not cases:
                continue
            served = build(kind, Path(folder) / kind, options.candidate, lean=options.lean)
            with running(options.servers, served, Path(folder), options.beside) as servers:
                for case in cases:
                    found = time_case(case, served, servers, options, Path(folder))
                    results[case] = found
                    report.print_case(case, found)
            if startup is None and options.startup:
                startup = measure(served, Path(folder), options.repetitions)
    if startup is not None:
        report.print_startup(startup)
    report.print_targets(results, startup)
    settings = {
        name: getattr(options, name) for name in ("candidate", "lean", "seconds", "repetitions")
    }
    if options.output is not None:
        report.write(options.output, results, startup, settings | {"connections": CONNECTIONS})


def time_case(
    case: Case,
    served: Served,
    servers: dict[str, Running],
    options: argparse.Namespace,
    scratch: Path,
) -> dict[str, list[Measured]]:
    """Proves every server's answers in one case, warms them up, and times them in turn."""
    names = [n for n in options.servers if takes_part(n, case) and (n in servers or n == "loop")]
    asked = {name: questions(case, served, name) for name in names}
    found: dict[str, list[Measured]] = {name: [] for name in names}
    for name in names:
        # The loop answers by the very functions of bare ASGI.
        if name != "loop":
            given = answers.ask(case, servers[name], asked[name])
            answers.check(name, case, served, given)
    turn = -1
    while turn < options.repetitions or (turn < MOST_TURNS and _uncertain(found)):
        seconds = WARM_UP_S if turn < 0 else options.seconds
        for name in names:
            if name == "loop":
                measured = in_a_loop(case, served, asked[name], seconds, scratch)
            else:
                measured = under_load(case, servers[name], asked[name], seconds, scratch)
            if turn >= 0:
                found[name].append(measured)
        turn += 1
    return found


def _uncertain(found: dict[str, list[Measured]]) -> bool:
    return any(report.error(runs) > CERTAIN for runs in found.values())


def read_options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = {str(case): case for case in all_cases()}
    parser.add_argument("--cases", default="*", help="glob of cases, such as v1-*-1")
    names = [name for name in SPEAKS if name != "beside"]
    parser.add_argument("--servers", default=",".join(names), help="comma-separated")
    parser.add_argument("--seconds", type=int, default=2, help="of one load")
    parser.add_argument("--repetitions", type=int, default=3, help="least loads of a server")
    parser.add_argument("--candidate", default="hist_gradient_boosting", help="the estimator")
    parser.add_argument("--lean", action="store_true", help="our train stage's own pipeline")
    parser.add_argument("--beside", type=Path, help="another checkout, served beside this one")
    parser.add_argument("--no-startup", dest="startup", action="store_false")
    parser.add_argument("--output", type=Path, help="the results' file; of a whole run, ours")
    options = parser.parse_args()
    if options.output is None and options == parser.parse_args([]):
        options.output = RESULTS
    options.cases = [case for name, case in known.items() if fnmatch(name, options.cases)]
    options.servers = options.servers.split(",") + (["beside"] if options.beside else [])
    return options


if __name__ == "__main__":
    main()

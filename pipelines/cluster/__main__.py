"""`make cluster-up`, `make cluster-down` and `make cluster-STEP`."""

import argparse
import sys
from collections.abc import Sequence

from components.errors import KubeloopError, SpecError
from pipelines.cluster.addresses import describe_doors
from pipelines.cluster.steps import Step, all_steps, chosen
from pipelines.cluster.up import Builder, take_down
from pipelines.interruption import interrupt_on_signals
from pipelines.local.result import Exit
from pipelines.standard_output import OutputError, complain, run_with_output


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what was asked for.

    Returns:
        0 when done, 1 when something failed or is missing, 2 for a step that is none, 130 when it
        was interrupted.
    """
    return run_with_output(lambda: _run(arguments), "error")


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    interrupt_on_signals()
    try:
        if options.verb == "down":
            take_down(_say)
        elif options.verb == "steps":
            for step in all_steps():
                _say(f"{step.name:<24} {step.what}")
        else:
            _bring_up(options)
    except OutputError:
        raise
    except KubeloopError as exc:
        complain(f"error: {exc}")
        return Exit.WRONG_CALL if isinstance(exc, SpecError) else Exit.FAILED
    except KeyboardInterrupt:
        again = "; again goes on where it ended" if options.verb == "up" else ""
        complain(f"\ninterrupted{again}")
        return Exit.INTERRUPTED
    return Exit.DONE


def _bring_up(options: argparse.Namespace) -> None:
    steps = chosen(options.steps, options.first)
    if options.dry:
        for step in steps:
            _print(step)
        return
    Builder(_say).bring_up(steps)
    if not options.steps:
        for line in describe_doors():
            _say(line)


def _print(step: Step) -> None:
    _say(f"# {step.name}: {step.what}")
    for command in step.commands:
        _say(command.line)


def _say(text: str) -> None:
    # At once: what the commands themselves print comes in between.
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.cluster", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="bring the local cluster up, or do single steps of it")
    up.add_argument("steps", nargs="*", metavar="STEP", help="only these; default: all")
    up.add_argument("--from", dest="first", default="", metavar="STEP", help="begin with this one")
    up.add_argument("--print", dest="dry", action="store_true", help="print the commands alone")
    verbs.add_parser("down", help="delete the local cluster with all that it holds")
    verbs.add_parser("steps", help="name the steps")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""The monitor's command line, of `python -m components.monitor.service` and `kubeloop monitor`."""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.monitor.intake import Limits
from components.monitor.listener import LAST_PORT
from components.monitor.retraining.assembly import Settings
from components.monitor.retraining.options import add_options, read_options
from components.monitor.storage.addresses import Address, read_address
from components.monitor.upkeep import Retention

HOST: Final = "127.0.0.1"
PORT: Final = 9091
STORE: Final = "monitor.db"
"""The store's name in a state folder."""

_DESCRIPTION: Final = "Collect events and ground truth, judge them, and start retraining."
_STORE_HELP: Final = (
    "the database: a file, or postgresql://USER@HOST/DATABASE without a password; left out, the "
    "one that KUBELOOP_MONITOR_STORE holds, or the file that KUBELOOP_MONITOR_STORE_FILE names; "
    f"else {STORE} in the folder of --state"
)


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked for; see `service.serve`."""

    host: str
    port: int
    store: Address
    limits: Limits
    retention: Retention
    settings: Settings


def read_call(
    arguments: Sequence[str] | None,
    environment: Mapping[str, str],
    *,
    program: str,
    otherwise: Path | None = None,
) -> Call:
    """Reads the command line.

    Args:
        arguments: without the program's name; None for those of this process.
        environment: holds the store's address and that of the notifications.
        program: how it is called.
        otherwise: the store where nothing names one; None where something has to.

    Returns:
        What was asked for.

    Raises:
        StateError: no store is named, or its address cannot be used.
        DeployError: options contradict one another.
        SystemExit: 2, an option is wrong; 0 after `--help`.
    """
    call = _parser(program, otherwise).parse_args(arguments)
    return Call(
        host=call.host,
        port=call.port,
        store=read_address(
            call.store, environment, otherwise=call.state / STORE if call.state else otherwise
        ),
        limits=Limits(queue_requests=call.queue),
        retention=Retention(days=call.keep_days or None, max_bytes=call.keep_bytes or None),
        settings=read_options(call, environment),
    )


def _parser(program: str, otherwise: Path | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        # All options would stand before every error.
        usage="%(prog)s [OPTIONS]",
        allow_abbrev=False,
        description=_DESCRIPTION,
        epilog=f"Example: {program} --store {STORE} --port {PORT}",
        formatter_class=_Formatter,
    )
    parser.add_argument("--host", default=HOST, help="address to listen on")
    parser.add_argument("--port", type=_port, default=PORT, help="TCP port; 0 for a free one")
    last = f", else {otherwise}" if otherwise else ""
    parser.add_argument("--store", metavar="FILE|URL", help=f"{_STORE_HELP}{last}")
    parser.add_argument(
        "--queue",
        type=_count(1),
        metavar="N",
        default=Limits().queue_requests,
        help="requests that may wait for the disk; more are answered 503",
    )
    parser.add_argument(
        "--keep-days",
        type=_days,
        metavar="DAYS",
        default=Retention().days,
        help="days after which events, labels and verdicts are deleted; 0 keeps them",
    )
    parser.add_argument(
        "--keep-bytes",
        type=_count(0),
        metavar="BYTES",
        default=0,
        help="size of the store above which the oldest events are deleted; 0 for no limit",
    )
    add_options(parser)
    return parser


class _Formatter(argparse.HelpFormatter):
    """Names the defaults, where there are any."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        known = action.default not in (None, "", [], False, argparse.SUPPRESS)
        return f"{action.help} (default: %(default)s)" if known else action.help


def _port(text: str) -> int:
    return _whole(text, 0, LAST_PORT, f"a port from 0 to {LAST_PORT}")


def _count(least: int) -> Callable[[str], int]:
    """Reads a whole number that is not less than another."""
    return lambda text: _whole(text, least, 2**63 - 1, f"a whole number, {least} or more")


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    # Fewer than none would delete what has not come yet, too.
    if not 0 <= days < math.inf:
        msg = f"{text!r}: expected a number of days, 0 or more"
        raise argparse.ArgumentTypeError(msg)
    return days


def _whole(text: str, least: int, most: int, expected: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        msg = f"{text!r}: expected {expected}"
        raise argparse.ArgumentTypeError(msg)
    return number

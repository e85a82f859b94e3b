"""The command line of the monitor, under both names."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.errors import DeployError, StateError
from components.monitor.command import STORE, Call, read_call
from components.monitor.intake import Limits
from components.monitor.retraining.assembly import Settings
from components.monitor.upkeep import Retention
from pipelines.cli import app


def read(*arguments: str, otherwise: Path | None = None, **environment: str) -> Call:
    return read_call(arguments, environment, program="monitor", otherwise=otherwise)


def test_read_call_nothing_said_is_the_defaults() -> None:
    assert read("--store", "m.db") == Call(
        host="127.0.0.1",
        port=9091,
        store=Path("m.db"),
        limits=Limits(),
        retention=Retention(),
        settings=Settings(),
    )


def test_read_call_everything_said() -> None:
    call = read(
        *("--host", "::1", "--port", "0", "--store", "m.db", "--queue", "7"),
        *("--keep-days", "0", "--keep-bytes", "99", "--state", "folder", "--retrain", "off"),
        KUBELOOP_NOTIFY_URL="http://hook",
    )
    assert (call.host, call.port, call.limits.queue_requests) == ("::1", 0, 7)
    assert call.retention == Retention(days=None, max_bytes=99)
    assert call.settings == Settings(state=Path("folder"), by="off", notify="http://hook")


@pytest.mark.parametrize(
    ("arguments", "environment", "store"),
    [
        ((), {}, "default.db"),
        (("--state", "s"), {}, f"s/{STORE}"),
        (("--state", "s"), {"KUBELOOP_MONITOR_STORE": "e.db"}, "e.db"),
        (("--state", "s", "--store", "o.db"), {"KUBELOOP_MONITOR_STORE": "e.db"}, "o.db"),
    ],
    ids=["nothing", "state", "environment", "option"],
)
def test_read_call_store_is_what_is_named_nearest(
    arguments: tuple[str, ...], environment: dict[str, str], store: str
) -> None:
    assert read(*arguments, otherwise=Path("default.db"), **environment).store == Path(store)


def test_read_call_no_store_anywhere_refused() -> None:
    with pytest.raises(StateError, match="no store is named: give --store"):
        read()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "65536"), "argument --port: '65536': expected a port from 0 to 65535"),
        (("--port", "http"), "argument --port: 'http': expected a port"),
        (("--queue", "0"), "argument --queue: '0': expected a whole number, 1 or more"),
        (("--keep-days", "-1"), "argument --keep-days: '-1': expected a number of days, 0 or more"),
        (("--keep-days", "nan"), "argument --keep-days: 'nan': expected a number of days"),
        (("--keep-bytes", "1e9"), "argument --keep-bytes: '1e9': expected a whole number, 0 or"),
        (("--retrain", "never"), "argument --retrain: invalid choice: 'never'"),
        (("--state", "s", "--kubeflow", "http://k"), "not allowed with argument --state"),
        (("--keep", "3"), "unrecognized arguments: --keep 3"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_read_call_wrong_option_is_named(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        read("--store", "m.db", *arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_read_call_options_that_contradict_refused() -> None:
    with pytest.raises(DeployError, match="--kubeflow needs --address URL"):
        read("--store", "m.db", "--kubeflow", "http://kfp:8888")


def test_kubeloop_monitor_has_the_services_options(capsys: pytest.CaptureFixture[str]) -> None:
    shown = CliRunner().invoke(app, ["monitor", "--help"]).output
    with pytest.raises(SystemExit):
        read_call(["--help"], {}, program="kubeloop monitor", otherwise=Path(".kubeloop") / STORE)
    assert shown == capsys.readouterr().out
    found = set(re.findall(r"--[a-z-]+", shown))
    assert {"--state", "--kubeflow", "--alert-token-file", "--retrain", "--parameter"} <= found
    assert {"--keep-days", "--keep-bytes", "--queue", "--address"} <= found

"""`kubeloop schedule` against a real HTTP server that speaks the shapes of Kubeflow Pipelines."""

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.errors import SpecError, StateError
from components.spec import parse
from pipelines import run_commands
from pipelines.cron import read_cron, show_cron
from pipelines.kubeflow.errors import KubeflowError
from pipelines.kubeflow.place import Place
from pipelines.run_parameters import find_addresses
from pipelines.schedule import create_schedule, delete_schedule, list_schedules
from pipelines.submission import Submission
from tests.kubeflow_api import KubeflowApi, running
from tests.pipelines.laptop import SPEC, Laptop

REMOTE = SPEC.replace("rows.csv", "s3://bucket/rows.csv")
WEEKLY = "0 0 3 * * 1"
# As people write it.
TYPED = "0 3 * * 1"
# One character more than leaves room for the host that KServe makes of a model called `visits`.
LONG = f"kserve://{41 * 'n'}"


@pytest.fixture
def api() -> Iterator[KubeflowApi]:
    yield from running(empty=True)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    folder = tmp_path_factory.mktemp("laptop")
    (folder / "spec.yaml").write_text(REMOTE, encoding="utf-8")
    (folder / "local.yaml").write_text(SPEC, encoding="utf-8")
    return Laptop(folder)


def schedule(api: KubeflowApi, cron: str = WEEKLY, name: str = "visits", **changes: Any) -> None:
    addresses = find_addresses("kserve://models", "", "")
    submission = Submission(Place(api.address), addresses, **changes)
    create_schedule(parse(REMOTE.replace("visits", name)), submission, cron)


def test_schedule_trains_by_the_clock_one_run_at_a_time(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule(api)
    ((identity, made),) = api.schedules.items()
    assert made["trigger"] == {"cron_schedule": {"cron": WEEKLY}}
    assert (made["mode"], made["no_catchup"], int(made["max_concurrency"])) == ("ENABLE", True, 1)
    reference = {"pipeline_id": "p1", "pipeline_version_id": "v1"}
    assert made["pipeline_version_reference"] == reference
    parameters = made["runtime_config"]["parameters"]
    assert json.loads(parameters["spec"])["name"] == made["display_name"] == "visits"
    assert parameters["serving"] == "kserve://models"
    # Each run of it has KFP's own name in lineage, or the second would register nothing.
    assert "run_id" not in parameters
    assert f"{api.address}/#/recurringrun/details/{identity}" in capsys.readouterr().out


def test_schedule_again_takes_the_place_of_the_one_before(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule(api)
    schedule(api, name="other")
    schedule(api, "@daily")
    found = sorted((s["display_name"], s["trigger"]) for s in api.schedules.values())
    assert found == [
        ("other", {"cron_schedule": {"cron": WEEKLY}}),
        ("visits", {"cron_schedule": {"cron": "@daily"}}),
    ]
    assert "in the place of the one before" in capsys.readouterr().out.splitlines()[-2]
    assert len(api.uploads) == 1


def test_schedule_that_cannot_be_made_leaves_the_one_before(api: KubeflowApi) -> None:
    schedule(api)
    api.refuse("POST", "/recurringruns", 403, "not authorized")
    with pytest.raises(KubeflowError, match="cannot create the schedule 'visits'.*no right"):
        schedule(api, "@daily")
    assert [s["trigger"] for s in api.schedules.values()] == [{"cron_schedule": {"cron": WEEKLY}}]


def test_schedule_whose_answer_was_lost_is_there_once(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule(api)
    api.cut("POST", "/recurringruns")
    capsys.readouterr()
    schedule(api, "@daily")
    ((identity, made),) = api.schedules.items()
    assert made["trigger"]["cron_schedule"]["cron"] == "@daily"
    said = capsys.readouterr().out
    assert "visits is trained at '@daily', in UTC, in the place of the one before\n" in said
    assert f"recurringrun/details/{identity}\n" in said


def test_schedule_that_was_not_made_is_not_taken_for_the_one_before(api: KubeflowApi) -> None:
    schedule(api)
    before = dict(api.schedules)
    api.refuse("POST", "/recurringruns", 503, "no endpoints")
    with pytest.raises(KubeflowError, match="cannot create the schedule 'visits': .*no endpoints"):
        schedule(api, "@daily")
    assert api.schedules == before


@pytest.mark.parametrize("before", [0, 1], ids=["first", "again"])
def test_schedules_of_one_model_that_are_made_at_once_leave_one(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str], before: int
) -> None:
    for _ in range(before):
        schedule(api)
    api.meet("POST", "/recurringruns")
    capsys.readouterr()
    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(schedule, api, cron) for cron in ("@daily", "@hourly")]
    assert [end.result() for end in ends] == [None, None]
    ((stays, made),) = api.schedules.items()
    cron = made["trigger"]["cron_schedule"]["cron"]
    assert cron in ("@daily", "@hourly")
    out = capsys.readouterr().out
    # The link of each leads to what is there, but for one who looked before the other made his.
    assert f"recurringrun/details/{stays}" in out
    assert f"visits is trained at '{cron}'" in out


@pytest.mark.parametrize(("other", "stays"), [("0", "@daily"), ("z", WEEKLY)])
def test_schedules_of_one_second_leave_the_one_that_the_other_leaves_too(
    api: KubeflowApi, other: str, stays: str
) -> None:
    """Who knew the other's as one of before, and who saw both as new, decide alike."""
    api.seconds_apart = 0
    schedule(api)
    ((_, made),) = api.schedules.items()
    api.schedules = {other: {**made, "recurring_run_id": other}}
    schedule(api, "@daily")
    assert [s["trigger"]["cron_schedule"]["cron"] for s in api.schedules.values()] == [stays]


def test_schedule_that_was_made_while_others_cannot_be_deleted_says_so(api: KubeflowApi) -> None:
    schedule(api)
    api.refuse("DELETE", "/recurringruns/", 403, "not authorized")
    said = "the schedule of 'visits' was made, and others of it may be there still: .*no right"
    with pytest.raises(KubeflowError, match=said):
        schedule(api, "@daily")
    assert len(api.schedules) == 2
    schedule(api, "@daily")
    assert [s["trigger"]["cron_schedule"]["cron"] for s in api.schedules.values()] == ["@daily"]


def test_delete_from_two_terminals_at_once_deletes_once_and_fails_for_nobody(
    api: KubeflowApi,
) -> None:
    schedule(api)
    api.meet("DELETE", "/recurringruns/")
    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(delete_schedule, Place(api.address), "visits") for _ in range(2)]
    assert [end.result() for end in ends] == [None, None]
    assert api.schedules == {}


def test_schedule_that_somebody_else_deleted_meanwhile_is_no_failure(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    """KFP answers 404 for it; what was wanted is so."""
    schedule(api)
    api.refuse("DELETE", "/recurringruns/", 404, "Recurring run not found")
    schedule(api, "@daily")
    assert "visits is trained at '@daily'" in capsys.readouterr().out
    api.refuse("DELETE", "/recurringruns/", 404, "Recurring run not found", times=2)
    delete_schedule(Place(api.address), "visits")
    assert "visits is trained by no schedule any more" in capsys.readouterr().out


def test_recurring_run_of_another_pipeline_with_the_same_name_stays(api: KubeflowApi) -> None:
    foreign = {
        "display_name": "visits",
        "recurring_run_id": "foreign",
        "pipeline_version_reference": {"pipeline_id": "p9"},
    }
    api.schedules["foreign"] = foreign
    schedule(api)
    delete_schedule(Place(api.address), "visits")
    assert api.schedules == {"foreign": foreign}


def test_list_shows_the_schedules_of_every_page(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule(api)
    (made,) = api.schedules.values()
    for number in range(130):
        name = f"model-{number:03}"
        api.schedules[name] = {**made, "recurring_run_id": name, "display_name": name}
    made["status"] = "DISABLED"
    capsys.readouterr()
    list_schedules(Place(api.address))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 132
    assert lines[1].split() == ["model-000", *TYPED.split(), "2026-11-21", "10:00"]
    assert lines[-1].split() == ["visits", *TYPED.split(), "disabled", "2026-11-21", "10:00"]


def test_list_of_none_says_how_to_make_one(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    list_schedules(Place(api.address))
    assert "kubeloop schedule SPEC --cron" in capsys.readouterr().out


def test_help_says_by_which_clock() -> None:
    done = CliRunner().invoke(run_commands.app, ["schedule", "--help"], env={"COLUMNS": "200"})
    assert "weekday in UTC" in done.output
    assert "schedule [OPTIONS] [SPEC] " in done.output
    assert "[[" not in done.output


def test_list_on_a_narrow_terminal_loses_nothing(api: KubeflowApi, laptop: Laptop) -> None:
    cron = "5 */15 0-6,12,18-23 1,11,21 jan-mar,jul-sep mon-fri"
    name = "a-rather-long-model-of-a-shop"
    schedule(api, cron)
    (made,) = api.schedules.values()
    api.schedules["long"] = {**made, "display_name": name, "status": "DISABLED"}
    shown = on_terminal(laptop.folder, 80, "schedule", "--list", "--host", api.address)
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    for whole in (name, "visits", "disabled"):
        assert whole in shown
    assert shown.count(cron) == 2
    assert shown.count("2026-11-21 10:00") == 2


def test_list_shows_no_control_characters_of_names(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule(api)
    (made,) = api.schedules.values()
    made["display_name"] = "a\x1b[2Jb"
    capsys.readouterr()
    list_schedules(Place(api.address))
    assert "\x1b" not in capsys.readouterr().out


def on_terminal(folder: Path, columns: int, *arguments: str) -> str:
    """What a command shows on a real terminal of so many columns, without colours."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "pipelines.cli", *arguments],
        cwd=folder,
        stdout=inner,
        stderr=inner,
        env={**variables, "TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(inner)
    read = b""
    # A terminal whose last writer has gone fails its reader.
    with contextlib.suppress(OSError):
        while piece := os.read(outer, 1 << 16):
            read += piece
    os.close(outer)
    assert process.wait(60) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", read.decode())


def test_delete_of_what_is_not_there_names_what_is(api: KubeflowApi) -> None:
    with pytest.raises(StateError, match="model 'visits' has no schedule .*: there are none"):
        delete_schedule(Place(api.address), "visits")
    schedule(api, name="other")
    with pytest.raises(StateError, match="there are 'other'$"):
        delete_schedule(Place(api.address), "visits")
    (made,) = api.schedules.values()
    for number in range(238):
        name = f"model-{number:03}"
        api.schedules[name] = {**made, "recurring_run_id": name, "display_name": name}
    with pytest.raises(StateError) as raised:
        delete_schedule(Place(api.address), "modle-007")
    said = str(raised.value)
    assert "did you mean 'model-007' or " in said
    assert said.count("model-") == 5
    assert said.endswith("? kubeloop schedule --list shows the 239 that there are")
    with pytest.raises(StateError, match=": kubeloop schedule --list shows the 239 that there"):
        delete_schedule(Place(api.address), "zzz")


def test_command_creates_lists_and_deletes(api: KubeflowApi, laptop: Laptop) -> None:
    host = ("--host", api.address)
    made = laptop.run("schedule", "spec.yaml", "--cron", "0 3 * * 1", *host)
    assert (made.returncode, made.stderr) == (0, "")
    assert f"visits is trained at '{TYPED}', in UTC\n" in made.stdout
    assert WEEKLY not in made.stdout
    assert "visits" in laptop.run("schedule", "--list", *host).stdout
    gone = laptop.run("schedule", "--delete", "visits", *host)
    assert (gone.returncode, gone.stdout) == (0, "visits is trained by no schedule any more\n")
    again = laptop.run("schedule", "--delete", "visits", *host)
    assert (again.returncode, again.stdout) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "takes one of: SPEC --cron EXPRESSION, --list, --delete NAME"),
        (("spec.yaml",), "takes one of"),
        (("--cron", "@daily"), "takes one of"),
        (("--list", "--delete", "visits"), "takes one of"),
        (("spec.yaml", "--cron", "0 3 * *"), "has 4 fields: expected five"),
        (("local.yaml", "--cron", "@daily"), "--upload puts it into the object store"),
        (("spec.yaml", "--cron", "@daily", "--serving", LONG), "cannot be served in namespace"),
        (
            ("--list", "--upload", "--image", "x", "--set", "a=b", "--experiment", "Default"),
            "schedule --list takes no --set, --experiment, --image, --upload: expected no more",
        ),
        (("--delete", "visits", "--parameter", "cpu=1"), "--delete takes no --parameter: expecte"),
        (("spec.yaml", "--cron", "@daily", "--parameter", "memry=1Gi"), "no parameter 'memry'"),
        (("spec.yaml", "--cron", "@daily", "--pipeline-root", "hello"), "--pipeline-root 'hello'"),
        (("spec.yaml", "--cron", "@daily", "--experiment", ""), "--experiment '': expected a name"),
    ],
    ids=[
        *("nothing", "no-cron", "no-spec", "two", "cron", "source", "long", "list", "delete"),
        *("parameter", "root", "experiment"),
    ],
)
def test_wrong_call_is_refused_before_anybody_is_asked(
    api: KubeflowApi, laptop: Laptop, arguments: tuple[str, ...], said: str
) -> None:
    given = [str(laptop.folder / word) if "yaml" in word else word for word in arguments]
    done = CliRunner().invoke(run_commands.app, ["schedule", *given, "--host", api.address])
    assert isinstance(done.exception, SpecError)
    assert done.output == ""
    assert said in str(done.exception)
    assert api.asked == []


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0 3 * * 1", "0 0 3 * * 1"),
        ("*/15 0-6,12 1 jan-mar mon", "0 */15 0-6,12 1 jan-mar mon"),
        ("30 0 3 ? * 0", "30 0 3 ? * 0"),
        (" @daily ", "@daily"),
        ("@every 1h30m", "@every 1h30m"),
        ("@every 60s", "@every 60s"),
        ("0 0 29 2 *", "0 0 0 29 2 *"),
        ("0 0 30 2 mon", "0 0 0 30 2 mon"),
        ("0 0 25,31 feb-mar *", "0 0 0 25,31 feb-mar *"),
        ("0 0 30 1/6 *", "0 0 0 30 1/6 *"),
    ],
)
def test_cron_is_read_with_seconds_first(text: str, read: str) -> None:
    assert read_cron(text) == read


@pytest.mark.parametrize(
    ("held", "shown"),
    [
        (WEEKLY, TYPED),
        ("30 0 3 * * 1", "30 0 3 * * 1"),
        ("@daily", "@daily"),
        (TYPED, TYPED),
        ("0 of somebody else", "0 of somebody else"),
        ("", ""),
    ],
)
def test_cron_is_shown_as_people_write_it(held: str, shown: str) -> None:
    assert show_cron(held) == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("60 * * * *", "'60' is no minute: expected 0 to 59"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 0 0 * *", "'0' is no day of month: expected 1 to 31"),
        ("0 0 * 13 *", "'13' is no month"),
        ("0 0 * 13 *", "expected 1 to 12 or a name such as feb"),
        ("0 0 * * 7", "'7' is no day of week: expected 0 to 6 (0 is Sunday) or a name such as mon"),
        ("0 0 30 2 *", "'0 0 30 2 *' never fires: month '2' has no day '30'"),
        ("0 0 31 feb,jun/5 ?", "never fires: month 'feb,jun/5' has no day '31'"),
        ("0 0 31/5 4-6/2 */2", "never fires"),
        ("@every 0s", "'@every 0s': expected a minute at least"),
        ("@every 0.9m", "expected a minute at least"),
        ("0 0 * * mo", "'mo' is no day of week"),
        ("0 5-3 * * *", "'5-3' is no hour"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("0 ٣ * * *", "is no hour"),
        ("* * * * * *", "'* * * * * *': '*' is no single second: expected 0 to 59"),
        ("*/59 0 3 * * 1", "'*/59' is no single second"),
        ("0,30 0 3 * * 1", "'0,30' is no single second"),
        ("0-1 0 3 * * 1", "'0-1' is no single second"),
        ("? 0 3 * * 1", "'?' is no single second"),
        ("60 0 3 * * 1", "'60' is no single second"),
        ("٣ 0 3 * * 1", "is no single second"),
        ("daily", "has 1 field:"),
        ("@every day", "has 2 fields"),
        ("", "has 0 fields"),
    ],
)
def test_cron_that_is_none_names_the_field(text: str, said: str) -> None:
    with pytest.raises(SpecError) as raised:
        read_cron(text)
    assert said in str(raised.value)

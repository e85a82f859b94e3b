"""`kubeloop schedule` against a real HTTP server that speaks the shapes of Kubeflow Pipelines."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from components.errors import SpecError, StateError
from components.spec import parse
from pipelines import run_commands
from pipelines.cron import read_cron
from pipelines.kubeflow.errors import KubeflowError
from pipelines.kubeflow.place import Place
from pipelines.run_parameters import find_addresses
from pipelines.schedule import create_schedule, delete_schedule, list_schedules
from pipelines.submission import Submission
from tests.kubeflow_api import KubeflowApi, running
from tests.pipelines.laptop import SPEC, Laptop

REMOTE = SPEC.replace("rows.csv", "s3://bucket/rows.csv")
WEEKLY = "0 0 3 * * 1"


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


def test_schedule_whose_answer_was_lost_is_there_once(api: KubeflowApi) -> None:
    schedule(api)
    api.cut("POST", "/recurringruns")
    schedule(api, "@daily")
    assert [s["trigger"]["cron_schedule"]["cron"] for s in api.schedules.values()] == ["@daily"]


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
    assert lines[1].split() == ["model-000", *WEEKLY.split(), "2026-11-21", "10:00"]
    assert lines[-1].split() == ["visits", *WEEKLY.split(), "disabled", "2026-11-21", "10:00"]


def test_list_of_none_says_how_to_make_one(
    api: KubeflowApi, capsys: pytest.CaptureFixture[str]
) -> None:
    list_schedules(Place(api.address))
    assert "kubeloop schedule SPEC --cron" in capsys.readouterr().out


def test_help_says_by_which_clock() -> None:
    done = CliRunner().invoke(run_commands.app, ["schedule", "--help"], env={"COLUMNS": "200"})
    assert "weekday in UTC" in done.output


def test_delete_of_what_is_not_there_names_what_is(api: KubeflowApi) -> None:
    with pytest.raises(StateError, match="model 'visits' has no schedule .*: there are none"):
        delete_schedule(Place(api.address), "visits")
    schedule(api, name="other")
    with pytest.raises(StateError, match="there are other"):
        delete_schedule(Place(api.address), "visits")


def test_command_creates_lists_and_deletes(api: KubeflowApi, laptop: Laptop) -> None:
    host = ("--host", api.address)
    made = laptop.run("schedule", "spec.yaml", "--cron", "0 3 * * 1", *host)
    assert (made.returncode, made.stderr) == (0, "")
    assert f"visits is trained at '{WEEKLY}'" in made.stdout
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
    ],
    ids=["nothing", "no-cron", "no-spec", "two", "cron", "source"],
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
        ("daily", "has 1 fields"),
        ("@every day", "has 2 fields"),
        ("", "has 0 fields"),
    ],
)
def test_cron_that_is_none_names_the_field(text: str, said: str) -> None:
    with pytest.raises(SpecError) as raised:
        read_cron(text)
    assert said in str(raised.value)

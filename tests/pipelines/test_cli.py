"""The command at its edges: what is said, where, and with which exit status."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from components.spec import load
from tests.pipelines.laptop import SPEC, Laptop

COMMANDS = ["run", "init", "check", "schema", "compile", "serve", "monitor", "status", "rollback"]
COMMANDS += ["clean", "contract"]
README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(laptop: Laptop, command: str) -> None:
    done = laptop.run(command, "--help")
    assert done.returncode == 0
    assert f"Example: kubeloop {command}" in done.stdout


def test_version_is_printed(laptop: Laptop) -> None:
    done = laptop.run("--version")
    assert (done.returncode, done.stdout) == (0, "kubeloop 0.1.0\n")


def test_without_arguments_shows_the_commands(laptop: Laptop) -> None:
    shown = laptop.run().stdout
    assert [command for command in COMMANDS if command not in shown] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("runn",), "No such command 'runn'. Did you mean 'run'?"),
        (("run",), "Missing argument 'SPEC'"),
        (("run", "gone.yaml"), "the spec 'gone.yaml' does not exist"),
        (("run", "spec.yaml", "--port", "many"), "Invalid value for '--port'"),
        (("run", "spec.yaml", "--grpc-port", "99999"), "Invalid value for '--grpc-port'"),
        (("run", "spec.yaml", "--monitor-port", "-1"), "Invalid value for '--monitor-port'"),
        (("serve", "bundle", "--port", "99999"), "Invalid value for '--port'"),
        (("monitor", "--port", "-1"), "Invalid value for '--port'"),
        (("compile", "-o", "gone/t.yaml"), "cannot write 'gone/t.yaml': there is no folder 'gone'"),
        (("compile", "-o", "rows.csv/t.yaml"), "'rows.csv' is no folder; name another file"),
        (("compile", "-o", "."), "cannot write '.': it is a folder; name another file"),
        (("compile", "-o", "/proc/t.yaml"), "cannot write '/proc/t.yaml': "),
        (
            ("init", "rows.csv", "--target", "returned", "-o", "gone/s.yaml"),
            "cannot write 'gone/s.yaml': there is no folder 'gone'; name another file",
        ),
        (("run", "spec.yaml", "--set", "search.trails=3"), "did you mean 'trials'?"),
        (("check", "spec.yaml", "--set", "candidates=[logistik]"), "did you mean 'logistic'?"),
        (("init", "rows.csv", "--target", "left"), "target 'left' is no column of 'rows.csv'"),
        (("clean", "--keep", "-1"), "Invalid value for '--keep'"),
    ],
)
def test_wrong_call_is_status_2_and_one_message(
    laptop: Laptop, arguments: tuple[str, ...], said: str
) -> None:
    done = laptop.run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_schema_describes_the_spec(laptop: Laptop) -> None:
    schema = json.loads(laptop.run("schema").stdout)
    jsonschema.validate(yaml.safe_load(SPEC), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**yaml.safe_load(SPEC), "trails": 3}, schema)


def test_init_then_check_needs_no_touch(laptop: Laptop) -> None:
    drafted = laptop.run("init", "rows.csv", "--target", "returned", "-o", "drafted.yaml")
    assert drafted.returncode == 0, drafted.stderr
    assert load(laptop.folder / "drafted.yaml").task == "binary"
    checked = laptop.run("check", "drafted.yaml")
    assert checked.returncode == 0, checked.stderr
    assert "the data keeps its contract" in checked.stdout
    again = laptop.run("init", "rows.csv", "--target", "returned", "-o", "drafted.yaml")
    assert again.returncode == 2
    assert "'drafted.yaml' is there already" in again.stderr


def test_check_of_data_that_breaks_the_contract_is_status_1(laptop: Laptop) -> None:
    done = laptop.run("check", "spec.yaml", "--set", "columns.spent.max=30")
    assert done.returncode == 1
    assert re.search(r"refuse: column 'spent': above_max in \d+ rows", done.stdout)
    assert not laptop.state.exists()


def test_compile_writes_the_ir(laptop: Laptop) -> None:
    done = laptop.run("compile", "-o", "training.yaml")
    assert done.returncode == 0, done.stderr
    document = yaml.safe_load((laptop.folder / "training.yaml").read_text())
    assert document["pipelineInfo"]["name"] == "kubeloop-training"


def test_newer_state_folder_is_refused(laptop: Laptop) -> None:
    newer = laptop.folder / "newer"
    newer.mkdir()
    (newer / "state.json").write_text('{"format": 99}')
    done = laptop.run("run", "spec.yaml", "--state", "newer")
    assert done.returncode == 1
    assert "has format 99, this version knows up to 1: use a newer Kubeloop" in done.stderr


@pytest.mark.parametrize("command", [("status",), ("rollback", "visits"), ("clean", "--keep", "1")])
def test_without_state_folder_says_how_to_make_one(
    laptop: Laptop, command: tuple[str, ...]
) -> None:
    done = laptop.run(*command, "--state", "nowhere")
    assert done.returncode == 1
    assert "no state folder at 'nowhere': kubeloop run SPEC makes one" in done.stderr
    assert not (laptop.folder / "nowhere").exists()


def _spec_keys(schema: dict[str, object], definitions: dict[str, object], prefix: str) -> list[str]:
    keys: list[str] = []
    for name, entry in schema["properties"].items():  # type: ignore[attr-defined]
        path = f"{prefix}{name}"
        nested = re.search(r"#/\$defs/(\w+)", json.dumps(entry))
        if nested and nested[1] not in ("Bound", "Column"):
            keys += _spec_keys(definitions[nested[1]], definitions, f"{path}.")  # type: ignore[arg-type]
        elif nested and nested[1] == "Column":
            keys += _spec_keys(definitions["Column"], definitions, "columns.NAME.")  # type: ignore[arg-type]
        else:
            keys.append(path)
    return keys


def test_readme_names_every_key_command_and_parameter(laptop: Laptop) -> None:
    readme = README.read_text(encoding="utf-8")
    schema = json.loads(laptop.run("schema").stdout)
    keys = _spec_keys(schema, schema["$defs"], "")
    assert len(keys) > 35
    assert [key for key in keys if f"`{key}`" not in readme] == []
    assert [command for command in COMMANDS if f"| `{command}" not in readme] == []
    golden = Path(__file__).parent / "golden" / "training.yaml"
    parameters = yaml.safe_load(golden.read_text())["root"]["inputDefinitions"]["parameters"]
    assert [name for name in parameters if f"`{name}`" not in readme] == []

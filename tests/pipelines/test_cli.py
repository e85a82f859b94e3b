"""The command at its edges: what is said, where, and with which exit status."""

import json
import re
from pathlib import Path

import jsonschema
import polars as pl
import pytest
import yaml

from components.spec import load
from tests.bundles import build, reseal
from tests.pipelines.laptop import SPEC, Laptop
from tests.scoring import table

COMMANDS = ["run", "init", "check", "schema", "compile", "serve", "monitor", "status", "rollback"]
COMMANDS += ["clean", "contract", "inspect", "predict", "render"]
COMMANDS += ["submit", "schedule", "doctor", "feedback"]
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
        (("monitor", "--port", "-1"), "argument --port: '-1': expected a port from 0 to 65535"),
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
        (("compile", "-o", "t.yaml", "--pipeline", "train"), "Invalid value for '--pipeline'"),
        (("predict", "bundle", "rows.csv"), "Missing argument 'OUTPUT'"),
        (("predict", "bundle", "rows.csv", "rows.csv"), "'rows.csv' is there already: name"),
        (("predict", "bundle", "rows.csv", "rows.csv", "--force"), "is the input itself"),
        (("predict", "bundle", "rows.csv", "answers.xlsx"), "'answers.xlsx' is of no known format"),
        (("predict", "bundle", "rows.csv", "gone/a.csv"), "there is no folder 'gone'"),
        (("predict", "b", "rows.csv", "a.csv", "--errors", "no"), "Invalid value for '--errors'"),
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
    document, _ = yaml.safe_load_all((laptop.folder / "training.yaml").read_text())
    assert document["pipelineInfo"]["name"] == "kubeloop-training"


def test_compile_writes_the_scoring_ir(laptop: Laptop) -> None:
    done = laptop.run("compile", "--pipeline", "scoring", "-o", "scoring.yaml")
    assert done.returncode == 0, done.stderr
    document, _ = yaml.safe_load_all((laptop.folder / "scoring.yaml").read_text())
    assert document["pipelineInfo"]["name"] == "kubeloop-scoring"


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
    ir, _ = yaml.safe_load_all(golden.read_text())
    parameters = ir["root"]["inputDefinitions"]["parameters"]
    assert [name for name in parameters if f"`{name}`" not in readme] == []
    assert "`kubeloop-scoring`" in readme


def test_inspect_shows_all_and_verifies(laptop: Laptop) -> None:
    fitted = build(laptop.folder / "fitted", "binary", name="churn")
    done = laptop.run("inspect", "fitted")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^income +float32 +yes +'\?' ' '", done.stdout, re.MULTILINE)
    assert re.search(r"^city +string +yes +3 +'\?'", done.stdout, re.MULTILINE)
    assert re.search(r"^plan +string +no +2", done.stdout, re.MULTILINE)
    assert re.search(r"^test +accuracy +0\.9000 +0\.8500 +0\.9500", done.stdout, re.MULTILINE)
    facts = ["'No', 'Yes'", "threshold  0.5", "customerID, email", "run-1", "sha256:00"]
    facts += ["scikit-learn 1.9.1", "2026-11-20T12:00:00Z", "300 rows", *fitted.manifest.files]
    facts += fitted.manifest.files.values()
    assert [fact for fact in facts if fact not in done.stdout] == []
    as_json = laptop.run("inspect", "fitted", "--json")
    assert json.loads(as_json.stdout) == fitted.manifest.model_dump(mode="json")


def test_inspect_of_names_like_markup_shows_them(laptop: Laptop) -> None:
    fitted = build(laptop.folder / "markup", "regression")
    first = fitted.manifest.signature.inputs[0].model_copy(update={"name": "[red]age[/red]"})
    inputs = (first, *fitted.manifest.signature.inputs[1:])
    signature = fitted.manifest.signature.model_copy(update={"inputs": inputs})
    reseal(fitted, laptop.folder / "named", signature=signature, run_id="[bold]run")
    shown = laptop.run("inspect", "named").stdout
    assert "[red]age[/red]" in shown
    assert "[bold]run" in shown


def test_inspect_of_damaged_bundle_names_each_file(laptop: Laptop) -> None:
    folder = build(laptop.folder / "damaged", "binary").folder
    (folder / "model.onnx").write_bytes(b"other")
    (folder / "card.md").unlink()
    (folder / "model.pkl").write_bytes(b"new")
    for arguments in (("inspect", "damaged"), ("inspect", "damaged", "--json")):
        done = laptop.run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert (
            "missing: card.md; altered: model.onnx; not in the manifest: model.pkl" in done.stderr
        )
        assert "Traceback" not in done.stderr


def test_predict_writes_answers_and_says_what_it_saw(laptop: Laptop) -> None:
    build(laptop.folder / "model", "binary")
    rows = table(1000)
    rows.write_csv(laptop.folder / "new.csv")
    done = laptop.run("predict", "model", "new.csv", "answers.csv")
    assert done.returncode == 0, done.stderr
    assert "wrote answers.csv: 1,000 rows by row" in done.stdout
    assert "field 'city': 250 values that training never saw, answered" in done.stdout
    assert "columns that the model does not know, ignored: 'customer', 'note'" in done.stdout
    assert done.stderr.splitlines()[-1] == "100 %  1,000 rows"
    header, *lines = (laptop.folder / "answers.csv").read_text().splitlines()
    assert header == "row,label,probability_No,probability_Yes"
    assert len(lines) == 1000
    again = laptop.run("predict", "model", "new.csv", "answers.csv")
    assert again.returncode == 2
    assert "'answers.csv' is there already" in again.stderr
    assert laptop.run("predict", "model", "new.csv", "answers.csv", "--force").returncode == 0


def test_predict_of_broken_rows_refuses_or_leaves_them_empty(laptop: Laptop) -> None:
    build(laptop.folder / "strict", "regression")
    rows = table(10).with_columns(age=pl.when(pl.int_range(10) != 4).then("age"))
    rows.write_parquet(laptop.folder / "broken.parquet")
    refused = laptop.run("predict", "strict", "broken.parquet", "broken.csv")
    assert refused.returncode == 1
    assert "field 'age': null in 1 row (4, counting from 0)" in refused.stderr
    assert not (laptop.folder / "broken.csv").exists()
    done = laptop.run("predict", "strict", "broken.parquet", "broken.csv", "--errors", "null")
    assert done.returncode == 0, done.stderr
    assert "1 rows break the signature and have empty answers" in done.stdout
    assert (laptop.folder / "broken.csv").read_text().splitlines()[5] == "4,"


def test_predict_that_is_killed_leaves_no_output(laptop: Laptop) -> None:
    build(laptop.folder / "killed", "binary")
    rows = 1_500_000
    pl.concat([table(rows // 100)] * 100).write_csv(laptop.folder / "long.csv")
    process = laptop.start("predict", "killed", "long.csv", "killed.parquet")
    assert process.stderr
    assert "%" in process.stderr.readline()
    process.kill()
    process.communicate()
    assert process.returncode == -9
    assert not (laptop.folder / "killed.parquet").exists()
    done = laptop.run("predict", "killed", "long.csv", "killed.parquet")
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(laptop.folder / "killed.parquet").height == rows
    assert list(laptop.folder.glob("*.partial")) == []


def test_serve_without_its_token_file_is_status_1(laptop: Laptop) -> None:
    build(laptop.folder / "bundle", "binary")
    ports = ("--port", "0", "--grpc-port", "0")
    done = laptop.run("serve", "bundle", *ports, "--token-file", "gone.txt")
    assert done.returncode == 1
    assert "token file 'gone.txt' cannot be used: No such file or directory" in done.stderr

"""`kubeloop submit` against a real HTTP server that speaks the shapes of Kubeflow Pipelines."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from components.errors import DataError, SpecError
from components.revision import code_revision
from components.spec import Spec, SpecProblemsError, load, parse
from pipelines import run_commands
from pipelines.compile import Pipeline, compile_native
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.errors import KubeflowError
from pipelines.kubeflow.place import Place, find_place
from pipelines.local.result import Exit
from pipelines.run_parameters import check_names, find_addresses, read_parameters
from pipelines.schedule import create_schedule
from pipelines.submission import Submission
from pipelines.submit import submit_run
from tests.certificates import Authority
from tests.kubeflow_api import KubeflowApi, running
from tests.object_store import running_store, without_credentials
from tests.pipelines.laptop import SPEC, Laptop

ADDRESSES = find_addresses("", "", "")
REMOTE = SPEC.replace("rows.csv", "s3://bucket/rows.csv")
STAGES = ("champion", "ingest", "validate", "prepare", "train", "evaluate")
# One character more than leaves room for the host that KServe makes of a model called `visits`.
LONG = f"kserve://{41 * 'n'}"
BRANCH = ("package", "register", "deploy", "crown")


@pytest.fixture
def api() -> Iterator[KubeflowApi]:
    yield from running(empty=True)


@pytest.fixture
def many() -> Iterator[KubeflowApi]:
    yield from running(empty=True, many_users=True)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    without_credentials(monkeypatch)


def submission(api: KubeflowApi, **changes: Any) -> Submission:
    place = {key: changes.pop(key) for key in ("namespace", "token_file") if key in changes}
    return Submission(Place(api.address, **place), ADDRESSES, **changes)


def submitted(api: KubeflowApi, *, wait: bool = False, **changes: Any) -> Exit:
    return submit_run(parse(REMOTE), submission(api, **changes), wait=wait)


def test_first_submission_uploads_the_pipeline_of_this_code_and_runs_it(api: KubeflowApi) -> None:
    assert submitted(api) is Exit.DONE
    (version,) = api.versions
    assert version["display_name"] == code_revision()
    first, platform = yaml.safe_load_all(api.uploads[0])
    assert first["pipelineInfo"]["name"] == "kubeloop-training"
    assert "platforms" in platform
    (run,) = api.runs.values()
    assert run["pipeline_version_reference"] == {
        "pipeline_id": "p1",
        "pipeline_version_id": version["pipeline_version_id"],
    }
    parameters = run["runtime_config"]["parameters"]
    assert json.loads(parameters["spec"])["source"] == ["s3://bucket/rows.csv"]
    assert parameters["candidates"] == ["logistic"]
    assert parameters["registry"] == "http://mlflow.kubeloop.svc:5000"
    assert parameters["monitor"] == "http://monitor.kubeloop.svc:9091"
    assert parameters["serving"] == "kserve://kubeloop"
    assert parameters["run_id"] == run["display_name"]
    assert re.fullmatch(r"\d{8}-\d{6}-visits-[0-9a-f]{4}", run["display_name"])


def test_second_submission_uses_the_version_that_is_there(api: KubeflowApi) -> None:
    submitted(api)
    submitted(api)
    assert (len(api.versions), len(api.experiments)) == (1, 1)
    assert len([path for _, path, _ in api.asked if "upload" in path]) == 1
    assert len(api.runs) == 2


def test_version_that_kubectl_applied_is_used(api: KubeflowApi) -> None:
    applied = compile_native(Pipeline.TRAINING, code_revision(), "kubeflow")
    pipeline, version = (document["metadata"] for document in yaml.safe_load_all(applied))
    api.pipelines["p7"] = {"pipeline_id": "p7", "name": pipeline["name"]}
    api.versions.append(
        {
            "pipeline_id": "p7",
            "pipeline_version_id": "v7",
            "name": version["name"],
            "created_at": "2026-11-01T00:00:00Z",
        }
    )
    submitted(api)
    assert [path for _, path, _ in api.asked if "upload" in path] == []
    assert api.runs["run-0"]["pipeline_version_reference"]["pipeline_version_id"] == "v7"


def test_another_image_is_another_version(api: KubeflowApi) -> None:
    submitted(api)
    submitted(api, image="registry.example/pipeline@sha256:1")
    assert len({version["name"] for version in api.versions}) == 2
    assert "registry.example/pipeline@sha256:1" in api.uploads[1]
    assert "registry.example" not in api.uploads[0]


def test_version_that_somebody_else_uploads_meanwhile_is_used(api: KubeflowApi) -> None:
    api.cut("POST", "upload_version")
    submitted(api)
    assert len(api.versions) == 1
    assert len(api.runs) == 1


@pytest.mark.parametrize(
    "looked", ["/pipelines/names/", "/versions", "/experiments"], ids=["pipeline", "version", "exp"]
)
def test_two_first_submissions_at_once_make_everything_once_and_two_runs(
    looked: str, api: KubeflowApi
) -> None:
    """Both find nothing there, and both go on to make it."""
    if looked == "/versions":
        api.pipelines["p1"] = {"pipeline_id": "p1", "name": "kubeloop-training"}
    api.meet("GET", looked)
    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(submitted, api) for _ in range(2)]
    assert [end.result() for end in ends] == [Exit.DONE, Exit.DONE]
    assert (len(api.pipelines), len(api.versions), len(api.experiments)) == (1, 1, 1)
    assert len({run["display_name"] for run in api.runs.values()}) == 2


def test_experiment_whose_answer_was_lost_is_found(api: KubeflowApi) -> None:
    api.cut("POST", "/experiments$")
    submitted(api)
    assert (len(api.experiments), len(api.runs)) == (1, 1)


def test_run_whose_answer_was_lost_is_found_and_not_made_twice(api: KubeflowApi) -> None:
    api.cut("POST", "/runs$")
    submitted(api)
    assert len(api.runs) == 1


def test_run_has_the_account_the_root_and_the_parameters_that_were_named(api: KubeflowApi) -> None:
    more = read_parameters(["memory=8Gi", "webhook=https://hooks.example/a=b"])
    submitted(api, service_account="editor", root="s3://own/runs", parameters=more)
    run = api.runs["run-0"]
    assert run["service_account"] == "editor"
    assert run["runtime_config"]["pipeline_root"] == "s3://own/runs"
    assert run["runtime_config"]["parameters"]["memory"] == "8Gi"
    assert run["runtime_config"]["parameters"]["webhook"] == "https://hooks.example/a=b"


def test_parameter_that_the_pipeline_has_not_is_refused_before_anybody_is_asked(
    api: KubeflowApi,
) -> None:
    with pytest.raises(SpecError) as raised:
        submitted(api, parameters={"memory": "1Gi", "memry": "8Gi", "zzz": "1"})
    names = "cpu, cpu_request, memory, memory_request, small_cpu, small_cpu_request, small_memory, "
    assert str(raised.value) == (
        "the training pipeline has no parameter 'memry', 'zzz': expected one of "
        f"{names}small_memory_request, webhook; did you mean 'memory'?"
    )
    assert api.asked == []


def test_every_parameter_that_the_refusal_names_is_taken(api: KubeflowApi) -> None:
    with pytest.raises(SpecError) as raised:
        submitted(api, parameters={"zzz": "1"})
    names = str(raised.value).partition("expected one of ")[2].split(", ")
    assert len(names) == 9
    assert submitted(api, parameters=dict.fromkeys(names, "1")) is Exit.DONE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("spec.yaml", "--host", "HOST"), "--upload puts it into the object store"),
        (("remote.yaml",), "no address of Kubeflow Pipelines"),
        (("remote.yaml", "--host", "localhost:8888"), "--host 'localhost:8888'"),
        (("remote.yaml", "--host", "HOST", "--serving", "http://h:1"), "expected kserve://NAMESP"),
        (("remote.yaml", "--host", "HOST", "--serving", LONG), "cannot be served in namespace"),
        (("remote.yaml", "--host", "HOST", "--registry", "sqlite:///a.db"), "as pods reach it"),
        (("remote.yaml", "--host", "HOST", "--monitor", "http://localhost:9"), "of this machine"),
        (("remote.yaml", "--host", "HOST", "--parameter", "spec=1"), "which the command sets"),
        (("remote.yaml", "--host", "HOST", "--parameter", "memory=abc"), "memory='abc': expected"),
        (("remote.yaml", "--host", "HOST", "--parameter", "small_cpu=0"), "small_cpu='0': expecte"),
        (("remote.yaml", "--host", "HOST", "--namespace", "Team_A"), "--namespace 'Team_A'"),
        (("remote.yaml", "--host", "HOST", "--service-account", "a b"), "--service-account 'a b'"),
        (("remote.yaml", "--host", "HOST", "--image", "Pipeline:"), "--image 'Pipeline:'"),
        (("remote.yaml", "--host", "HOST", "--token-file", "/gone"), "'/gone': No such file"),
        (("remote.yaml", "--host", "HOST", "--token-file", "/"), "'/': it is a folder"),
        (("remote.yaml", "--host", "HOST", "--parameter", "foo=bar"), "has no parameter 'foo'"),
        (("remote.yaml", "--host", "HOST", "--pipeline-root", "hello"), "root 'hello': expected"),
        (("remote.yaml", "--host", "HOST", "--pipeline-root", "s3://"), "root 's3://': expected"),
        (("remote.yaml", "--host", "HOST", "--pipeline-root", "s3://a b"), "root 's3://a b'"),
        (("remote.yaml", "--host", "HOST", "--experiment", " "), "--experiment ' ': expected a na"),
        (("remote.yaml", "--host", "HOST", "--experiment", 129 * "x"), "a name of 1 to 128 charac"),
        (("remote.yaml", "--host", "http://"), "'http://': it names no host"),
        (("remote.yaml", "--host", "http://[::1"), "its host or its port"),
        (("remote.yaml", "--host", "http://h:abc"), "its host or its port"),
        (("remote.yaml", "--host", "http://h:99999"), "its host or its port"),
        (("remote.yaml", "--host", "http://h\n"), "blanks"),
    ],
    ids=[
        *(
            "source",
            "none",
            "host",
            "serving",
            "long",
            "registry",
            "monitor",
            "parameter",
            "memory",
            "cpu",
        ),
        *("namespace", "account", "image", "token", "folder", "foo", "root", "bucket", "blank"),
        *("unnamed", "longest", "http", "bracket", "port", "large"),
        "line",
    ],
)
def test_wrong_call_is_refused_before_anybody_is_asked(
    api: KubeflowApi, laptop: Laptop, arguments: tuple[str, ...], said: str
) -> None:
    given = [api.address if word == "HOST" else word for word in arguments]
    given[0] = str(laptop.folder / given[0])
    done = CliRunner().invoke(run_commands.app, ["submit", *given])
    assert isinstance(done.exception, SpecError)
    assert done.output == ""
    assert said in str(done.exception)
    assert api.asked == []


SECRETS = (
    ("--host", "http://user:secretpw@h", "'http://***@h': it must hold no user"),
    ("--host", "http://h/?token=secretpw", "'http://h/?***': it must hold no query"),
    ("--registry", "ftp://u:secretpw@x", "'ftp://***@x'"),
    ("--registry", "http://secretpw@mlflow", "'http://***@mlflow'"),
    ("--monitor", "http://u:secr/etpw@m:9", "'http://***@m:9'"),
    ("--serving", "kserve://u:secretpw@n", "'kserve://***@n'"),
    ("--upload-to", "s3://key:secretpw@bucket/x", "'s3://***@bucket/x'"),
    ("--upload-to", "s3://key:secr/etpw@bucket/x", "'s3://***@bucket/x'"),
    ("--pipeline-root", "s3://key:secretpw@bucket", "'s3://***@bucket'"),
)


@pytest.mark.parametrize(("option", "value", "said"), SECRETS, ids=lambda word: str(word)[:16])
def test_address_with_a_password_is_refused_without_it(
    api: KubeflowApi, laptop: Laptop, option: str, value: str, said: str
) -> None:
    host = () if option == "--host" else ("--host", api.address)
    spec = str(laptop.folder / "remote.yaml")
    done = CliRunner().invoke(run_commands.app, ["submit", spec, *host, option, value])
    assert isinstance(done.exception, SpecError)
    assert f"{option} {said}" in str(done.exception)
    assert not re.search("etpw", f"{done.output}{done.exception}")
    assert api.asked == []


def test_host_of_the_environment_is_refused_by_its_own_name() -> None:
    with pytest.raises(SpecError, match=r"^KF_PIPELINES_ENDPOINT 'http://\*\*\*@h': ") as raised:
        find_place("", "", None, {"KF_PIPELINES_ENDPOINT": "http://user:secretpw@h"})
    assert "secretpw" not in str(raised.value)


def test_parameters_and_names_as_kubernetes_writes_them_are_taken() -> None:
    sizes = ["cpu=500m", "cpu_request=.5", "memory=1.5Gi", "small_memory=1e9", "small_cpu=2"]
    assert len(read_parameters(sizes)) == 5
    digest = f"@sha256:{64 * '0'}"
    for image in ("pipeline", f"localhost:5001/a/b_c:1.0{digest}", "ghcr.io/own/x:V1"):
        check_names(image, "s3://bucket/runs?region=eu", "pipeline-runner.v1", 128 * "x")
    for root in ("", "minio://mlpipeline", "gs://team/runs/"):
        check_names("", root, "", "Default")


def test_longest_namespace_that_a_model_can_be_served_in_is_taken(
    api: KubeflowApi, laptop: Laptop
) -> None:
    given = [str(laptop.folder / "remote.yaml"), "--host", api.address, "--serving", LONG[:-1]]
    assert CliRunner().invoke(run_commands.app, ["submit", *given]).exit_code == 0
    assert len(api.runs) == 1


def test_wrong_call_is_status_2(laptop: Laptop) -> None:
    done = laptop.run("submit", "spec.yaml", "--host", "http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert "source[0]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    folder = tmp_path_factory.mktemp("laptop")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (folder / "remote.yaml").write_text(REMOTE, encoding="utf-8")
    return Laptop(folder)


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (401, "no identity", "the token is missing or has expired"),
        (403, "user is not authorized", "no right to it in Kubeflow's namespace"),
        (404, "not found", "Kubeflow Pipelines 1 has no such API"),
        (403, "workflows is forbidden: exceeded quota: runs, used: 5", "a ResourceQuota of"),
        (500, 'namespaces "team" not found', "is not there: check --namespace"),
        (429, "slow down", "it has too much to do"),
        (500, "database is locked", "it said: database is locked"),
    ],
    ids=["token", "right", "old", "quota", "namespace", "busy", "broken"],
)
def test_refusal_of_a_run_is_a_sentence_with_the_servers_words(
    api: KubeflowApi, status: int, message: str, said: str
) -> None:
    api.refuse("POST", "/runs$", status, message)
    with pytest.raises(KubeflowError, match="cannot create the run") as raised:
        submitted(api)
    assert said in str(raised.value)
    assert message in str(raised.value)
    assert api.address in str(raised.value)
    assert "\n" not in str(raised.value)


def test_refusal_of_an_upload_says_where_kubeflow_keeps_the_reason(api: KubeflowApi) -> None:
    api.refuse("POST", "upload_version", 400, "Failed to create a pipeline version")
    said = "cannot upload the pipeline's version .*often it is a right that is missing"
    with pytest.raises(KubeflowError, match=said):
        submitted(api)
    assert api.runs == {}


def test_old_kubeflow_and_other_servers_are_told_apart(api: KubeflowApi) -> None:
    api.refuse("GET", "/healthz", 404, "Not Found")
    with pytest.raises(KubeflowError, match="Kubeflow Pipelines 1 has no such API"):
        submitted(api)
    api.page = "<!doctype html><title>Log in to Dex</title>"
    with pytest.raises(KubeflowError, match="a login stands before it") as raised:
        submitted(api)
    assert "Dex" not in str(raised.value)


def test_pages_without_an_api_behind_them_are_told_apart(api: KubeflowApi) -> None:
    api.is_ready = False
    with pytest.raises(KubeflowError, match="its API server is not ready"):
        submitted(api)


def test_nobody_there_is_a_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(KubeflowError, match=f"nobody answers at {host}.*port-forward"):
        Kubeflow(Place(host))
    with pytest.raises(KubeflowError, match="nobody knows the host of http://kubeflow.invalid"):
        Kubeflow(Place("http://kubeflow.invalid"))


def test_address_of_another_scheme_is_a_sentence(api: KubeflowApi) -> None:
    with pytest.raises(KubeflowError, match="speaks no TLS: did you mean http://"):
        Kubeflow(Place(api.address.replace("http", "https")))


def test_certificate_of_an_unknown_authority_is_named_and_can_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.make(tmp_path, "company")
    for api in running(tls=authority.issue("localhost")):
        place = Place(api.address.replace("127.0.0.1", "localhost"))
        with pytest.raises(KubeflowError, match="is not trusted.*name the file of its authority"):
            Kubeflow(place)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        assert not Kubeflow(place).has_many_users


def test_token_file_that_is_not_there_or_empty_is_named(api: KubeflowApi, tmp_path: Path) -> None:
    missing = tmp_path / "gone"
    with pytest.raises(KubeflowError, match="gone' cannot be read: No such file"):
        submitted(api, token_file=missing)
    missing.touch()
    with pytest.raises(KubeflowError, match="gone' is empty"):
        submitted(api, token_file=missing)


@pytest.mark.parametrize(
    "held", ["secret1\nsecret2\n", "secret1 secret2", "secret1ж"], ids=["lines", "blank", "letter"]
)
def test_token_file_that_holds_no_token_is_named_without_what_it_holds(
    api: KubeflowApi, tmp_path: Path, held: str
) -> None:
    token = tmp_path / "tok"
    token.write_text(held, encoding="utf-8")
    with pytest.raises(KubeflowError, match="tok' holds more than one token") as raised:
        submitted(api, token_file=token)
    assert "secret" not in str(raised.value)
    assert api.asked == []


def test_pod_shows_the_token_that_it_was_given(api: KubeflowApi, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("of-a-pod")
    environment = {"KF_PIPELINES_SA_TOKEN_PATH": str(token), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert find_place("", "", None, environment) == Place(
        "http://ml-pipeline.kubeflow.svc:8888", "", token
    )
    api.bearer = "of-a-pod"
    Kubeflow(find_place(api.address, "", None, environment))
    with pytest.raises(SpecError, match="no address of Kubeflow Pipelines"):
        find_place("", "", None, {})


def test_kubeflow_with_many_users_needs_a_namespace_and_gets_it(
    many: KubeflowApi, tmp_path: Path
) -> None:
    with pytest.raises(KubeflowError, match="--namespace NAME is needed, that of your profile"):
        submitted(many)
    assert submitted(many, namespace="team") is Exit.DONE
    assert [pipeline["namespace"] for pipeline in many.pipelines.values()] == ["team"]
    assert [experiment["namespace"] for experiment in many.experiments.values()] == ["team"]


def test_namespace_of_a_kubeflow_with_one_user_is_left_out(api: KubeflowApi) -> None:
    assert submitted(api, namespace="kubeflow") is Exit.DONE


def test_every_source_of_this_machine_is_refused_by_name(tmp_path: Path) -> None:
    text = SPEC.replace(
        "rows.csv",
        "[rows.csv, file:///data/a.csv, 'http://127.0.0.1:80/a.csv', 'https://localhost/a.csv', "
        "'https://[::1]/a.csv', 'https://127.0.0.1/a.csv', s3://b/a.csv, https://h/a.csv]",
    )
    (tmp_path / "spec.yaml").write_text(text)
    api = KubeflowApi()
    try:
        with pytest.raises(SpecProblemsError) as raised:
            submit_run(load(tmp_path / "spec.yaml"), submission(api), wait=False)
        assert api.asked == []
    finally:
        api.close()
    named = [problem.path for problem in raised.value.problems]
    assert named == [f"source[{number}]" for number in range(6)]
    # A long value is shown by its two ends.
    assert f"source[0]: got '{str(tmp_path)[:16]}" in str(raised.value)


def test_source_that_no_upload_mends_is_refused_before_anything_is_sent(
    api: KubeflowApi, s3: Any, tmp_path: Path
) -> None:
    spec = written(tmp_path, "[a.csv, 'http://localhost/a.csv']")
    with pytest.raises(SpecProblemsError) as raised:
        submit_run(spec, submission(api, upload_to="s3://mlpipeline/a"), wait=False)
    assert [problem.path for problem in raised.value.problems] == ["source[1]"]
    spec = written(tmp_path, "[a.csv, gone.csv]")
    with pytest.raises(DataError, match="gone.csv"):
        submit_run(spec, submission(api, upload_to="s3://mlpipeline/a"), wait=False)
    assert "Contents" not in s3.list_objects_v2(Bucket="mlpipeline")
    assert api.asked == []


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/healthz", 503, "cannot reach Kubeflow Pipelines"),
        ("/pipelines/names/", 401, "the token is missing or has expired"),
    ],
    ids=["away", "token"],
)
@pytest.mark.parametrize("command", ["submit", "schedule"])
def test_kubeflow_that_cannot_be_asked_costs_no_upload(
    api: KubeflowApi, s3: Any, tmp_path: Path, path: str, status: int, said: str, command: str
) -> None:
    api.refuse("GET", path, status, "no")
    spec, where = written(tmp_path), submission(api, upload_to="s3://mlpipeline/a")
    acts: dict[str, Callable[[], object]] = {
        "submit": lambda: submit_run(spec, where, wait=False),
        "schedule": lambda: create_schedule(spec, where, "@daily"),
    }
    with pytest.raises(KubeflowError, match=said):
        acts[command]()
    assert "Contents" not in s3.list_objects_v2(Bucket="mlpipeline")


def test_tables_of_scikit_learn_are_in_the_image(api: KubeflowApi) -> None:
    spec = parse(SPEC.replace("rows.csv", "sklearn://wine").replace("id: visit\n", ""))
    assert submit_run(spec, submission(api), wait=False) is Exit.DONE


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from running_store(monkeypatch, "mlpipeline")


def sources_of(api: KubeflowApi, run: str) -> list[str]:
    document = json.loads(api.runs[run]["runtime_config"]["parameters"]["spec"])
    found: list[str] = document["source"]
    return found


def written(folder: Path, source: str = "'*.csv'") -> Spec:
    (folder / "a.csv").write_bytes(b"visit,returned\n1,yes\n")
    (folder / "b b.csv").write_bytes(b"visit,returned\n2,no\n")
    (folder / "spec.yaml").write_text(SPEC.replace("rows.csv", source))
    return load(folder / "spec.yaml")


def test_upload_puts_each_file_once_under_its_fingerprint(
    api: KubeflowApi, s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = written(tmp_path, "['*.csv', s3://b/rows.parquet]")
    where = submission(api, upload_to="s3://mlpipeline/kubeloop/sources")
    submit_run(spec, where, wait=False)
    first, second, third = sources_of(api, "run-0")
    assert re.fullmatch(r"s3://mlpipeline/kubeloop/sources/[0-9a-f]{64}/a\.csv", first)
    assert second.endswith("/b_b.csv")
    assert third == "s3://b/rows.parquet"
    body = s3.get_object(Bucket="mlpipeline", Key=first.removeprefix("s3://mlpipeline/"))
    assert body["Body"].read() == b"visit,returned\n1,yes\n"
    dates = {
        entry["Key"]: entry["LastModified"]
        for entry in s3.list_objects_v2(Bucket="mlpipeline")["Contents"]
    }
    assert capsys.readouterr().out.count("uploaded  ") == 2

    (tmp_path / "a.csv").write_bytes(b"visit,returned\n3,yes\n")
    submit_run(spec, where, wait=False)
    assert capsys.readouterr().out.count("uploaded  ") == 1
    changed, same, _ = sources_of(api, "run-1")
    assert changed != first
    assert same == second
    after = {
        entry["Key"]: entry["LastModified"]
        for entry in s3.list_objects_v2(Bucket="mlpipeline")["Contents"]
    }
    assert len(after) == 3
    assert dates.items() <= after.items()


def test_upload_that_broke_off_is_done_again(api: KubeflowApi, s3: Any, tmp_path: Path) -> None:
    spec = written(tmp_path, "a.csv")
    where = submission(api, upload_to="s3://mlpipeline/sources")
    submit_run(spec, where, wait=False)
    (address,) = sources_of(api, "run-0")
    key = address.removeprefix("s3://mlpipeline/")
    s3.put_object(Bucket="mlpipeline", Key=key, Body=b"visit")
    submit_run(spec, where, wait=False)
    body = s3.get_object(Bucket="mlpipeline", Key=key)["Body"].read()
    assert body == b"visit,returned\n1,yes\n"


@pytest.mark.parametrize(
    ("folder", "kind", "said"),
    [
        ("s3://gone/sources", Exception, "cannot be uploaded: it is not there; check bucket"),
        ("/data", SpecError, "--upload-to '/data': expected s3://BUCKET/FOLDER"),
    ],
    ids=["bucket", "path"],
)
def test_upload_to_nowhere_starts_no_run(
    api: KubeflowApi, s3: Any, tmp_path: Path, folder: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=re.escape(said)):
        submit_run(written(tmp_path), submission(api, upload_to=folder), wait=False)
    assert (api.runs, api.uploads) == ({}, [])


def test_upload_without_credentials_is_a_sentence(api: KubeflowApi, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="needs credentials and there are none"):
        submit_run(written(tmp_path), submission(api, upload_to="s3://mlpipeline/a"), wait=False)

import pytest
from typer.testing import CliRunner

from components.errors import DeployError, SpecError
from pipelines import model_commands

SERVED = ("--serving", "kserve://models", "--registry", "http://mlflow:5000")
MONITORS = (
    ("monitor:9091", "'monitor:9091': it begins with neither"),
    ("http://a b", "'http://a b': it holds blanks"),
    ("http://", "'http://': it names no host"),
    ("http://u:secretpw@m", "'http://***@m': it must hold no user"),
    ("http://u:secr/etpw@m", "'http://***@m': it must hold no user"),
    ("http://m?token=secretpw", "'http://m?***': it must hold no query"),
)
COMMANDS = (("status",), ("rollback", "churn"))
NAMES = ("scheme", "blank", "host", "password", "slash", "query")


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(model_commands.app, arguments, env={"KUBECONFIG": "/nowhere"})
    assert isinstance(done.exception, SpecError)
    assert done.output == ""
    assert "etpw" not in str(done.exception)
    return str(done.exception)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(("monitor", "said"), MONITORS, ids=NAMES)
def test_monitor_that_is_no_address_is_refused_at_once(
    command: tuple[str, ...], monitor: str, said: str
) -> None:
    assert refused(*command, *SERVED, "--monitor", monitor).startswith(f"--monitor {said}")


def test_monitor_of_this_machine_is_none_for_the_pods_of_a_rollback() -> None:
    said = refused("rollback", "churn", *SERVED, "--monitor", "http://localhost:9091")
    assert "'http://localhost:9091' is of this machine: expected the address that pods use" in said


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("serving", "said"),
    [
        ("kserve://u:secretpw@models", "'kserve://***@models': expected http://host:port"),
        (
            "kserve://Models",
            "'kserve://Models': expected http://host:port of a model server, or",
        ),
        ("kserve://", "'kserve://': expected"),
        ("models", "'models': expected"),
        ("http://u:secretpw@h", "'http://***@h': expected kserve://NAMESPACE"),
    ],
    ids=["password", "capital", "none", "scheme", "server"],
)
def test_serving_that_is_no_cluster_is_refused_without_a_password(
    command: tuple[str, ...], serving: str, said: str
) -> None:
    found = refused(*command, "--serving", serving, "--registry", "http://mlflow:5000")
    assert found.startswith(f"serving {said}")


@pytest.mark.parametrize("command", ["status", "rollback"])
@pytest.mark.parametrize("served", [SERVED, ()], ids=["cluster", "machine"])
@pytest.mark.parametrize(
    "name",
    ["", "a/b", "churn/status", "..", "churn?x", "Churn", "x' or name='y", 64 * "a", "a\x1b[2J"],
    ids=["none", "slash", "part", "above", "query", "capital", "quote", "long", "escape"],
)
def test_name_that_no_model_can_have_is_refused_at_once(
    command: str, served: tuple[str, ...], name: str
) -> None:
    said = refused(command, name, *served)
    assert said.startswith(f"{name!r} is no model's name: expected a DNS label, at most 63 of a-z")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("registry", "said"),
    [
        ("foo", "'foo': it begins with neither http:// nor https://"),
        ("mlflow:5000", "'mlflow:5000': it begins with neither http:// nor https://"),
        ("http://", "'http://': it names no host"),
        ("http://u:secretpw@", "'http://***@': it"),
        ("http://u:secr/etpw@h:port", "'http://***@h:port': its host or its port"),
        ("http://m?token=secretpw", "'http://m?***': it must hold no query"),
        ("postgresql://u:secretpw@h/d", "'postgresql://***@h/d': it begins with neither"),
        ("sqlite:////nowhere/registry.db", "'sqlite:////nowhere/registry.db': there is no such"),
        ("sqlite:////", "'sqlite:////': there is no such file"),
    ],
    ids=["word", "scheme", "host", "user", "port", "query", "database", "file", "folder"],
)
def test_registry_that_is_none_is_refused_at_once(
    command: tuple[str, ...], registry: str, said: str
) -> None:
    found = refused(*command, "--serving", "kserve://models", "--registry", registry)
    assert found.startswith(f"--registry {said}")
    assert found.endswith(
        "; expected http://HOST:PORT of an MLflow server, or sqlite:////FOLDER/registry.db"
    )


@pytest.mark.parametrize("registry", ["http://u:p@mlflow:5000", "https://mlflow/path/"])
def test_registry_that_is_one_is_asked(registry: str) -> None:
    arguments = ("status", "churn", "--serving", "kserve://models", "--registry", registry)
    done = CliRunner().invoke(model_commands.app, arguments, env={"KUBECONFIG": "/nowhere"})
    assert isinstance(done.exception, DeployError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--token-file", "nosuch"), "--token-file is of a cluster: give --serving"),
        (("--namespace", "x"), "--namespace is of a cluster: give --serving"),
        (
            ("--namespace", "x", "--token-file", "nosuch", "--host", "http://h"),
            "--host and --namespace and --token-file are of a cluster: give --serving",
        ),
        (
            ("--serving", "kserve://models", "--namespace", "x"),
            "--namespace and --token-file are of Kubeflow: give its --host URL",
        ),
        (
            ("--serving", "kserve://models", "--token-file", "nosuch"),
            "--namespace and --token-file are of Kubeflow: give its --host URL",
        ),
    ],
    ids=["token", "namespace", "all", "hostless-namespace", "hostless-token"],
)
def test_option_that_would_be_passed_over_is_refused(
    arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    assert refused("status", *arguments).startswith(said)

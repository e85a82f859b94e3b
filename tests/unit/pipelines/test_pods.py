"""What every pod of the compiled pipelines is given, read from the IR as KFP's driver reads it."""

import re
from typing import Any

import pytest
import yaml

from pipelines import pods
from pipelines.compile import Pipeline, compile_pipeline

PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
AMOUNTS = ("CpuLimit", "CpuRequest", "MemoryLimit", "MemoryRequest")
UNITS = {"m": 0.001, "": 1, "Mi": 2**20, "Gi": 2**30}
SMALL = ("champion", "package", "register", "deploy", "crown", "notify")
RENAMED = {"kubeloop-notify": {"url": "KUBELOOP_NOTIFY_URL"}}
DATA = ("ingest", "validate", "prepare", "train", "evaluate")


@pytest.fixture(scope="module", params=list(Pipeline))
def compiled(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    ir, platform = yaml.safe_load_all(compile_pipeline(request.param, "test"))
    return ir, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


@pytest.fixture(scope="module")
def training() -> tuple[dict[str, Any], dict[str, Any]]:
    ir, platform = yaml.safe_load_all(compile_pipeline(Pipeline.TRAINING, "test"))
    return ir, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def sizes(ir: dict[str, Any], **arguments: str) -> dict[str, dict[str, str]]:
    """Hands the arguments down the groups, and fills in each executor's sizes with them."""
    defined = ir["root"]["inputDefinitions"]["parameters"]
    given = {name: p["defaultValue"] for name, p in defined.items() if "defaultValue" in p}
    found: dict[str, dict[str, str]] = {}
    _hand_down(ir, ir["root"], {**dict.fromkeys(defined, ""), **given, **arguments}, found)
    return found


def _hand_down(
    ir: dict[str, Any],
    graph: dict[str, Any],
    values: dict[str, Any],
    found: dict[str, dict[str, str]],
) -> None:
    for name, task in graph["dag"]["tasks"].items():
        given = {}
        for key, source in task["inputs"]["parameters"].items():
            handed = source.get("componentInputParameter", "")
            if handed and not handed.endswith("-loop-item"):
                given[key] = values[handed]
        component = ir["components"][task["componentRef"]["name"]]
        if "dag" in component:
            _hand_down(ir, component, given, found)
            continue
        container = ir["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        found[name] = {
            amount: PLACEHOLDER.sub(
                lambda hit: given[hit[1]],  # noqa: B023
                container["resources"][f"resource{amount}"],
            )
            for amount in AMOUNTS
        }


def amount(text: str) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)(m|Mi|Gi|)", text).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]


def test_every_pod_has_requests_within_its_limits(compiled: tuple[Any, Any]) -> None:
    ir, _ = compiled
    found = sizes(ir)
    assert len(found) == len(ir["deploymentSpec"]["executors"])
    for name, size in found.items():
        for kind in ("Cpu", "Memory"):
            request, limit = amount(size[f"{kind}Request"]), amount(size[f"{kind}Limit"])
            assert 0 < request <= limit, f"{name} {kind}"


@pytest.mark.parametrize(
    ("prefix", "names"), [("", DATA), ("small_", SMALL)], ids=["data", "small"]
)
def test_pipeline_parameters_size_the_pods_in_every_group(
    training: tuple[Any, Any], prefix: str, names: tuple[str, ...]
) -> None:
    asked = {"cpu": "7", "memory": "9Gi", "cpu_request": "6", "memory_request": "8Gi"}
    ir, _ = training
    before, after = sizes(ir), sizes(ir, **{f"{prefix}{k}": v for k, v in asked.items()})
    wanted = {"CpuLimit": "7", "MemoryLimit": "9Gi", "CpuRequest": "6", "MemoryRequest": "8Gi"}
    assert {name: after[name] for name in names} == dict.fromkeys(names, wanted)
    assert {n for n in after if after[n] != before[n]} == set(names)


def test_scoring_parameters_size_its_pod() -> None:
    ir, _ = yaml.safe_load_all(compile_pipeline(Pipeline.SCORING, "test"))
    found = sizes(ir, cpu="7", memory="9Gi", cpu_request="6", memory_request="8Gi")
    assert found == {
        "score": {
            "CpuLimit": "7",
            "MemoryLimit": "9Gi",
            "CpuRequest": "6",
            "MemoryRequest": "8Gi",
        }
    }


def test_every_executor_is_furnished(compiled: tuple[Any, Any]) -> None:
    ir, settings = compiled
    assert settings.keys() == ir["deploymentSpec"]["executors"].keys()
    for label, given in settings.items():
        assert given["podMetadata"]["labels"] == {
            "app.kubernetes.io/name": label.removeprefix("exec-"),
            "app.kubernetes.io/component": "pipeline",
            "app.kubernetes.io/part-of": "kubeloop",
            "app.kubernetes.io/version": "0.1.0",
        }
        assert pods.MINUTE <= int(given["activeDeadlineSeconds"]) <= 24 * pods.HOUR


def test_every_pod_keeps_pod_security_restricted(compiled: tuple[Any, Any]) -> None:
    """With what KFP adds to a task's container and pod (2.17.0, argocompiler/security_context.go).

    The rules are those of https://kubernetes.io/docs/concepts/security/pod-security-standards/.
    """
    for label, given in compiled[1].items():
        pod = {"seccompProfile": {"type": "RuntimeDefault"}}
        container = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
            **given["securityContext"],
        }
        assert container["allowPrivilegeEscalation"] is False, label
        assert container["capabilities"] == {"drop": ["ALL"]}, label
        assert container["runAsNonRoot"] is True, label
        assert (container["runAsUser"], container["runAsGroup"]) == ("65532", "65532"), label
        assert pod["seccompProfile"] == container["seccompProfile"], label
        volumes = {key for key in given if key.endswith(("Volume", "Mount", "Mounts"))}
        assert volumes <= {"secretAsVolume"}, label


def test_tasks_that_may_run_twice_are_tried_again(training: tuple[Any, Any]) -> None:
    ir, settings = training
    graphs = [ir["root"], *ir["components"].values()]
    tasks = {n: t for g in graphs for n, t in g.get("dag", {}).get("tasks", {}).items()}
    retried = {n: t["retryPolicy"] for n, t in tasks.items() if "retryPolicy" in t}
    counts = {name: policy["maxRetryCount"] for name, policy in retried.items()}
    assert counts == {"champion": 2, "ingest": 2, "register": 2, "deploy": 1, "crown": 2}
    for name, policy in retried.items():
        assert (policy["backoffDuration"], policy["backoffFactor"]) == ("30s", 2.0)
        pauses = [30 * 2**attempt for attempt in range(policy["maxRetryCount"])]
        deadline = int(settings[f"exec-{name}"]["activeDeadlineSeconds"])
        longest = (policy["maxRetryCount"] + 1) * deadline + sum(pauses)
        assert int(policy["backoffMaxDuration"].removesuffix("s")) >= longest, name


def secrets(given: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The Secrets of an executor: the variables read from each, and where it is mounted."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in given.get("secretAsEnv", ()):
        assert entry["optional"] is True
        renamed = {p["secretKey"]: p["envVar"] for p in entry["keyToEnv"]}
        renamed = {key: name for key, name in renamed.items() if key != name}
        assert renamed == RENAMED.get(entry["secretName"], {})
        found[entry["secretName"]] = tuple(pair["envVar"] for pair in entry["keyToEnv"])
    for entry in given.get("secretAsVolume", ()):
        assert entry["optional"] is True
        found[entry["secretName"]] = (*found.get(entry["secretName"], ()), entry["mountPath"])
    return found


def test_secrets_reach_only_the_tasks_that_read_them(training: tuple[Any, Any]) -> None:
    _, settings = training
    names = {label: set(secrets(given)) for label, given in settings.items() if secrets(given)}
    assert names == {
        "exec-champion": {"kubeloop-registry", "kubeloop-bundles"},
        "exec-ingest": {"kubeloop-sources", "kubeloop-privacy"},
        "exec-register": {"kubeloop-registry"},
        "exec-crown": {"kubeloop-registry"},
        "exec-notify": {"kubeloop-notify"},
    }
    _, platform = yaml.safe_load_all(compile_pipeline(Pipeline.SCORING, "test"))
    score = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-score"]
    assert set(secrets(score)) == {"kubeloop-sources"}
    assert secrets(score)["kubeloop-sources"][-1] == "/etc/kubeloop/sources"


def test_privacy_key_lies_where_ingest_looks_for_it(training: tuple[Any, Any]) -> None:
    from components.ingest.privacy import KEY_FILE_VARIABLE

    ir, settings = training
    (folder,) = secrets(settings["exec-ingest"])["kubeloop-privacy"]
    stating = {
        label: variable["value"]
        for label, executor in ir["deploymentSpec"]["executors"].items()
        for variable in executor["container"].get("env", ())
        if variable["name"] == KEY_FILE_VARIABLE
    }
    assert stating == {"exec-ingest": f"{folder}/key"}


def test_secrets_name_what_the_code_and_its_libraries_read() -> None:
    from mlflow import environment_variables

    from components import object_store

    # The others are the cloud's own identity of a pod, which no Secret holds.
    own = {name for name in object_store._AWS if "IDENTITY" not in name}
    own = {name for name in own if "CONTAINER" not in name}
    assert own <= set(pods.SOURCES.variables)
    assert set(pods.BUNDLES.variables) <= set(pods.SOURCES.variables)
    assert [n for n in pods.REGISTRY.variables if not hasattr(environment_variables, n)] == []


@pytest.mark.parametrize(
    "secret",
    [pods.SOURCES, pods.BUNDLES, pods.PRIVACY, pods.REGISTRY, pods.NOTIFY],
    ids=lambda s: s.name,
)
def test_secret_may_name_a_volume(secret: pods.Secret) -> None:
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", secret.name)

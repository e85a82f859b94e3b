"""`kubeloop doctor` on a machine without anything, and on clusters that lack one thing each."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.cluster.doctor.examination import Examination, examine
from pipelines.cluster.doctor.parts import PARTS
from pipelines.cluster.doctor.reader import RefusedError, SilentError, connect
from pipelines.cluster.doctor.rights import PERSON, READING, RUNS, TIDYING, Right, look_at_rights
from pipelines.cluster.doctor.watching import selects
from pipelines.cluster.findings import Finding
from tests.healthy_cluster import OURS, Document, definition, deployment, document, furnish
from tests.kubernetes_api import Api
from tests.manifests.rendered import MANIFESTS, needs_kubectl, overlay
from tests.web import Answer, Web


@pytest.fixture(scope="module")
def rendered() -> list[Document]:
    return [d for d in overlay("kind") if d["kind"] != "InferenceService"]


@pytest.fixture
def healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rendered: list[Document]
) -> Iterator[Api]:
    """The platform and the overlay of kind, everything up."""
    api = Api()
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path / "kubeconfig")))
    furnish(api, rendered)
    provided("kind://docker/kubeloop/kubeloop-control-plane")(api)
    yield api
    api.close()


def provided(by: str) -> Callable[[Api], None]:
    """Has the node say whose machine it is."""

    def change(api: Api) -> None:
        node = api.get("Node", "node")
        assert node is not None
        api.put({**node, "spec": {"providerID": by}})

    return change


def broken(found: Examination) -> list[str]:
    return [f"{one.name}: {one.said}" for one in found.findings if one.state == "wrong"]


@needs_kubectl
def test_healthy_cluster_has_nothing_wrong_and_nothing_is_written(healthy: Api) -> None:
    found = examine("", OURS)
    assert broken(found) == []
    said = {one.name: one.said for one in found.findings}
    assert said["KServe"] == "v0.21.0"
    assert said["Kubeflow Pipelines"] == "2.17.0"
    assert said["Gateway API"] == "v1.5.1"
    assert said["kubeloop status"] == f"this account may, in {OURS}"
    assert said["alertmanagerconfigs"] == "Alertmanager takes up 2"
    assert {call.verb for call in healthy.calls} <= {"get", "list", "create"}
    created = {call.resource for call in healthy.calls if call.verb == "create"}
    assert {name for name in created if not name.endswith("reviews")} == set()
    assert "secret-value" not in json.dumps(found.document)


def gone(kind: str, name: str, namespace: str = "") -> Callable[[Api], None]:
    return lambda api: api.remove(kind, name, namespace)


def changed(kind: str, name: str, namespace: str, **parts: Any) -> Callable[[Api], None]:
    def change(api: Api) -> None:
        there = api.get(kind, name, namespace)
        assert there is not None
        api.put({**there, **parts})

    return change


def crashing(api: Api) -> None:
    """The monitor's pod ends again and again."""
    there = api.get("Deployment", "monitor", OURS)
    assert there is not None
    conditions = [{"type": "Available", "status": "False"}]
    api.put({**there, "status": {"conditions": conditions}})
    pod = document("v1", "Pod", "monitor-1", OURS)
    pod["metadata"]["labels"] = there["spec"]["selector"]["matchLabels"]
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    last = {"terminated": {"exitCode": 1, "reason": "Error"}}
    pod["status"] = {"containerStatuses": [{"name": "monitor", "state": state, "lastState": last}]}
    api.put({**pod, "spec": {"containers": [{"name": "monitor", "image": "a"}]}})


def nameless(api: Api) -> None:
    """MLflow is told other names than the ones by which it is asked."""
    there = api.get("Deployment", "mlflow", OURS)
    assert there is not None
    there["spec"]["template"]["spec"]["containers"][0]["args"] = ["--allowed-hosts=elsewhere:5000"]
    api.put(there)


def unready(api: Api) -> None:
    """A model whose predictor cannot be pulled."""
    service = document("serving.kserve.io/v1beta1", "InferenceService", "churn", OURS)
    service["spec"] = {"predictor": {}}
    service["status"] = {"conditions": [{"type": "Ready", "status": "False"}]}
    pod = document("v1", "Pod", "churn-1", OURS)
    pod["metadata"]["labels"] = {"serving.kserve.io/inferenceservice": "churn"}
    state = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    pod["status"] = {"containerStatuses": [{"name": "kserve-container", "state": state}]}
    pod["spec"] = {"containers": [{"name": "kserve-container", "image": "a"}]}
    api.put(service, pod)


ISVC = "inferenceservices.serving.kserve.io"
DEAF: Document = {"podMonitorSelector": {}, "ruleSelector": {}, "ruleNamespaceSelector": {}}
# What is done to a healthy cluster, and what doctor then has to say of it, with its mend.
CASES: dict[str, tuple[Callable[[Api], None], str, str]] = {
    "kserve-kind": (gone("CustomResourceDefinition", ISVC), ISVC, "platform/05-kserve"),
    "pipelines": (
        gone("CustomResourceDefinition", "workflows.argoproj.io"),
        "kinds are missing: workflows.argoproj.io",
        "kubectl apply --server-side -k manifests/platform/02-kubeflow-pipelines-crds && "
        "kubectl wait --for=condition=Established --timeout=1m crd/workflows.argoproj.io && "
        "kubectl apply --server-side -k manifests/platform/03-kubeflow-pipelines",
    ),
    "namespace": (gone("Namespace", OURS), "is not there: Kubeloop is not", "overlays/kind"),
    "monitor": (gone("Deployment", "monitor", OURS), "its deployment is not", "overlays/kind"),
    "crash": (crashing, "monitor-1: monitor: CrashLoopBackOff (exit status 1)", "describe"),
    "database": (gone("Secret", "tracking-database", OURS), "it is not there", "make cluster-over"),
    "store": (
        changed("Secret", "object-store", OURS, data={"AWS_ACCESS_KEY_ID": "YQ=="}),
        "its keys are missing or empty: AWS_SECRET_ACCESS_KEY",
        "make cluster-overlay",
    ),
    "runtime": (gone("ServingRuntime", "kubeloop-skops", OURS), "it is not there", "overlays"),
    "image": (
        changed("Node", "node", "", status={"images": [{"names": ["docker.io/other:1"]}]}),
        "names no registry, and no node says that it has it",
        "make cluster-images",
    ),
    "gateway": (
        gone("Gateway", "kserve-ingress-gateway", "kserve"),
        "KServe's configuration names it; it is not there",
        "make cluster-gateway",
    ),
    "programmed": (
        changed("Gateway", "kserve-ingress-gateway", "kserve", status={}),
        "not programmed: no controller has looked at it",
        "describe gateway",
    ),
    "bundles": (
        gone("Secret", "kubeloop-bundles", "kubeflow"),
        "is not there: the second run of a model fails",
        "AWS_ENDPOINT_URL of the store in which Kubeflow Pipelines keeps artifacts; "
        "kind: make cluster-overlay",
    ),
    "bundle-keys": (
        changed("Secret", "kubeloop-bundles", "kubeflow", data={"AWS_ACCESS_KEY_ID": "YQ=="}),
        "lacks AWS_SECRET_ACCESS_KEY: the second run",
        "make it with the keys AWS_ACCESS_KEY_ID",
    ),
    "hosts": (nameless, "403 'Invalid Host header'", "--allowed-hosts"),
    "account": (
        gone("ServiceAccount", "pipeline-runner", "kubeflow"),
        "the RoleBinding model-deployer names it; it is not there",
        "role-binding-model-deployer.yaml",
    ),
    "role": (gone("Role", "model-deployer", OURS), "runs cannot deploy there", "overlay"),
    "scraped": (
        changed("Prometheus", "k8s", "monitoring", spec=DEAF),
        "no Prometheus selects monitor, predictors in kubeloop",
        "spec.podMonitorNamespaceSelector",
    ),
    "alerts": (
        gone("Alertmanager", "main", "monitoring"),
        "there is no Alertmanager",
        "a Prometheus of your own",
    ),
    "model": (
        unready,
        "not ready: churn-1: kserve-container: ErrImagePull (not found)",
        "registry",
    ),
    "node": (
        changed(
            "Node",
            "node",
            "",
            status={"conditions": [{"type": "DiskPressure", "status": "True", "message": "full"}]},
        ),
        "DiskPressure is True: full",
        "kubectl describe node",
    ),
}


@needs_kubectl
@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_with_its_mend(healthy: Api, case: str) -> None:
    change, said, mend = CASES[case]
    change(healthy)
    found = examine("", OURS)
    assert not found.healthy
    (one, *_) = [f for f in found.findings if f.state == "wrong" and said in f.said]
    assert mend in one.mend


PLACE = "my cluster's"
QUOTED = """kubectl --context 'my cluster'"'"'s' """


def named(context: str) -> None:
    """Calls the current context of the configuration otherwise."""
    config = Path(os.environ["KUBECONFIG"])
    document = yaml.safe_load(config.read_text())
    document["contexts"][0]["name"] = document["current-context"] = context
    config.write_text(yaml.safe_dump(document))


def crashes(api: Api) -> None:
    """A model whose predictor ends again and again."""
    unready(api)
    pod = api.get("Pod", "churn-1", OURS)
    assert pod is not None
    (container,) = pod["status"]["containerStatuses"]
    container["state"]["waiting"]["reason"] = "CrashLoopBackOff"
    api.put(pod)


@needs_kubectl
def test_every_command_is_for_the_context_that_was_asked_for(healthy: Api) -> None:
    for case in ("pipelines", "crash", "runtime", "programmed", "node"):
        CASES[case][0](healthy)
    crashes(healthy)
    gone("Deployment", "metrics-server", "kube-system")(healthy)
    provided("kind://docker/a/a-control-plane")(healthy)
    space = healthy.get("Namespace", OURS)
    assert space is not None
    healthy.put({**space, "metadata": {**space["metadata"], "labels": {}}})
    named(PLACE)
    plain, asked = (examine(context, OURS) for context in ("", PLACE))
    expected = [one.mend.replace("kubectl ", QUOTED) for one in plain.findings]
    assert [one.mend for one in asked.findings] == expected
    wanted = {
        "Kubeflow Pipelines",
        "metrics-server",
        "gateway kserve/kserve-ingress-gateway",
        "monitor",
        "runtime kubeloop-skops",
        "node node",
        "model churn",
        f"namespace {OURS}",
    }
    assert wanted - {one.name for one in asked.findings if QUOTED in one.mend} == set()


@needs_kubectl
@pytest.mark.parametrize(
    ("context", "provider", "local"),
    [
        ("test", "kind://docker/kubeloop/kubeloop-control-plane", True),
        ("kind-kubeloop", "", True),
        ("test", "aws:///eu-central-1a/i-0", False),
        ("test", "", False),
    ],
    ids=["node", "name", "other", "unknown"],
)
def test_manifests_of_kind_are_for_kind_alone(
    healthy: Api, context: str, provider: str, local: bool
) -> None:
    gone("CustomResourceDefinition", ISVC)(healthy)
    gone("Deployment", "metrics-server", "kube-system")(healthy)
    gone("Deployment", "monitor", OURS)(healthy)
    provided(provider)(healthy)
    named(context)
    mends = {one.name: one.mend for one in examine("", OURS).findings}
    apply = "kubectl apply --server-side -k manifests/"
    if local:
        assert mends["KServe"] == f"{apply}platform/05-kserve"
        assert mends["metrics-server"] == f"{apply}platform/09-metrics-server"
        assert mends["monitor"] == f"{apply}overlays/kind"
        return
    assert mends["KServe"].endswith(f": {apply}overlays/production/kserve")
    assert mends["metrics-server"].startswith("the release's own way, https://github.com/")
    assert "kubectl" not in mends["metrics-server"]
    assert mends["monitor"].endswith(f": {apply}overlays/production")


@needs_kubectl
def test_kserve_that_is_too_old_is_upgraded_by_the_manifests_of_its_cluster(healthy: Api) -> None:
    old = definition(ISVC)
    old["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
        "properties": {"predictor": {}}
    }
    healthy.put(old)
    provided("gce://a/b/c")(healthy)
    (one,) = [f for f in examine("", OURS).findings if f.name == "canaries"]
    assert one.mend.endswith("-k manifests/overlays/production/kserve")


def test_manifests_that_are_advised_are_there() -> None:
    parts = {part.step for part in PARTS}
    folders = [f"platform/{step}" for step in (*parts, "02-kubeflow-pipelines-crds")]
    folders += ["overlays/kind", "overlays/production", "overlays/production/kserve"]
    for folder in folders:
        assert (MANIFESTS / folder / "kustomization.yaml").is_file(), folder


class Grants(Web):
    """Answers what the account of a binding's subject may do, by who is asked about."""

    SUBJECTS = (
        {"kind": "Group", "name": "system:serviceaccounts:team-a"},
        {"kind": "User", "name": "somebody@example.org"},
        {"kind": "Group", "name": "team-b"},
    )

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if path.endswith("/rolebindings/model-deployer"):
            return 200, {}, json.dumps({"subjects": self.SUBJECTS}).encode()
        if "/serviceaccounts/" in path:
            return 404, {}, b'{"message": "not found"}'
        spec = json.loads(body).get("spec", {}) if body else {}
        who = spec.get("groups", []) + [spec.get("user")]
        allowed = who != ["team-b", None] or spec["resourceAttributes"]["verb"] != "patch"
        return 200, {}, json.dumps({"status": {"allowed": allowed}}).encode()


def test_groups_and_users_of_the_binding_are_asked_about_as_such(
    kubernetes_api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Grants()
    text = Path(os.environ["KUBECONFIG"]).read_text().replace(kubernetes_api.url, server.url)
    (tmp_path / "elsewhere").write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "elsewhere"))
    found = [(one.name, one.state, one.said) for one in look_at_rights(connect(), OURS)][2:]
    server.close()
    may = f"runs may deploy to {OURS}"
    assert found == [
        ("group system:serviceaccounts:team-a", "ok", may),
        ("user somebody@example.org", "ok", may),
        ("group team-b", "wrong", f"runs may not patch inferenceservices in {OURS}"),
    ]


class Narrow(Web):
    """A cluster whose Role grants everything but some rights."""

    def __init__(self, denied: tuple[Right, ...]) -> None:
        self._denied = denied
        super().__init__()

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if not body:
            account = {"kind": "ServiceAccount", "namespace": "kubeflow", "name": "pipeline-runner"}
            return 200, {}, json.dumps({"subjects": [account]}).encode()
        asked = json.loads(body)["spec"]["resourceAttributes"]
        resource = "/".join(asked[key] for key in ("resource", "subresource") if key in asked)
        allowed = (asked["group"], resource, asked["verb"]) not in self._denied
        return 200, {}, json.dumps({"status": {"allowed": allowed}}).encode()


@pytest.fixture
def rights_of_runs(
    kubernetes_api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Finding]:
    """What is found of the account of runs that lacks rights."""

    def look(*denied: Right) -> Finding:
        server = Narrow(denied)
        text = Path(os.environ["KUBECONFIG"]).read_text().replace(kubernetes_api.url, server.url)
        (tmp_path / "elsewhere").write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "elsewhere"))
        (*_, found) = look_at_rights(connect(), OURS)
        server.close()
        return found

    return look


ACCOUNT = "account kubeflow/pipeline-runner"


@pytest.mark.parametrize("denied", [TIDYING, TIDYING[:1], TIDYING[1:]], ids=["both", "one", "two"])
def test_role_of_an_earlier_version_which_fails_no_run_is_a_note(
    rights_of_runs: Callable[..., Finding], denied: tuple[Right, ...]
) -> None:
    words = ", ".join(f"{verb} horizontalpodautoscalers" for _, _, verb in denied)
    said = (
        f"runs may not {words} in {OURS}: "
        "they leave the autoscalers of replaced versions, and fail in nothing"
    )
    mend = "apply the overlay of this version: manifests/base/access/role.yaml"
    assert rights_of_runs(*denied) == Finding("rights", ACCOUNT, "note", said, mend)


@pytest.mark.parametrize(
    "right",
    [right for right in RUNS if right not in TIDYING],
    ids=lambda right: "-".join(right).replace("/", "-"),
)
def test_role_which_fails_runs_is_wrong(
    rights_of_runs: Callable[..., Finding], right: Right
) -> None:
    found = rights_of_runs(right, *TIDYING)
    words = ", ".join(f"{verb} {resource}" for _, resource, verb in (right, *TIDYING))
    assert (found.state, found.said) == ("wrong", f"runs may not {words} in {OURS}")


def test_git_is_reported_with_its_version(tmp_path: Path) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho 'git version 2.47.3'\n")
    program.chmod(0o755)
    done = run(PATH=str(tmp_path), HOME=str(tmp_path))
    assert "✓ git: 2.47.3\n" in done.stdout
    program.write_text("#!/bin/sh\necho 'no developer tools were found' >&2\nexit 1\n")
    done = run(PATH=str(tmp_path), HOME=str(tmp_path))
    assert "✗ git: its version cannot be read: 'no developer tools were found'" in done.stdout


@needs_kubectl
def test_version_that_is_not_the_tested_one_is_a_note(healthy: Api) -> None:
    old = deployment("kserve-controller-manager", "kserve", "kserve/kserve-controller:v0.20.0")
    containers = old["spec"]["template"]["spec"]["containers"]
    containers.insert(0, {"name": "kube-rbac-proxy", "image": "proxy:v0.18.0"})
    healthy.put(old)
    found = examine("", OURS)
    assert broken(found) == []
    (note,) = [one for one in found.findings if one.name == "KServe"]
    assert note.said == "v0.20.0; Kubeloop's manifests are made for v0.21.0"


@needs_kubectl
def test_kserve_without_canaries_is_too_old(healthy: Api) -> None:
    old = definition(ISVC)
    old["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
        "properties": {"predictor": {}}
    }
    healthy.put(old)
    assert "canaries: InferenceServices have no spec.canary: this KServe is too old" in broken(
        examine("", OURS)
    )


@needs_kubectl
def test_what_an_account_may_not_read_is_a_note_that_quotes_the_server(healthy: Api) -> None:
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}]
    healthy.permit(rules, user="nobody")
    found = examine("", OURS)
    notes = [one.said for one in found.findings if one.state == "note"]
    assert [text for text in notes if 'User "nobody" cannot' in text]
    assert [text for text in notes if "this account may not patch inferenceservices" in text]


def run(*arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "pipelines.cli", "doctor", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    given = {**environment, **changes}
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=300)


def test_machine_without_anything_is_told_so_in_sentences(tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = run(**nothing)
    assert (done.returncode, done.stderr) == (1, "")
    for name in ("docker", "kind", "kubectl"):
        assert f"✗ {name}: not installed; it " in done.stdout
    assert "✗ server: no cluster is configured: " in done.stdout
    assert "make cluster-up makes one on this machine" in done.stdout
    assert "Traceback" not in done.stdout
    told = json.loads(run("--json", **nothing).stdout)
    assert (told["healthy"], told["context"]) == (False, "")
    assert {one["state"] for one in told["findings"]} <= {"ok", "note", "wrong"}


def test_rights_that_are_asked_for_are_those_of_the_role() -> None:
    text = (MANIFESTS / "base" / "access" / "role.yaml").read_text(encoding="utf-8")
    granted = {
        (group, resource, verb)
        for rule in yaml.safe_load(text)["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert set(RUNS) == granted
    assert set(READING) - {*RUNS, *PERSON} == set()
    assert set(PERSON) & granted == set(), "what runs do not need the Role does not grant"


@needs_kubectl
def test_server_that_does_not_answer_is_named(healthy: Api, tmp_path: Path) -> None:
    config = tmp_path / "away"
    text = Path(os.environ["KUBECONFIG"]).read_text().replace(healthy.url, "http://127.0.0.1:1")
    config.write_text(text)
    done = run(KUBECONFIG=str(config))
    assert done.returncode == 1
    assert "✗ server: nobody answers at http://127.0.0.1:1: Connection refused" in done.stdout
    assert "HTTPConnectionPool" not in done.stdout
    assert "kind: docker ps" in done.stdout
    assert done.stderr == ""


@needs_kubectl
def test_context_that_is_not_there_is_named(healthy: Api) -> None:
    done = run("--context", "nowhere", KUBECONFIG=os.environ["KUBECONFIG"])
    assert done.returncode == 1
    assert "✗ server: there is no context 'nowhere' in " in done.stdout
    assert "its contexts are " in done.stdout
    assert "make cluster-up" not in done.stdout.partition("✗ server")[2]
    assert done.stderr == ""


@pytest.mark.parametrize(
    "content",
    [b"users: [\n:\n\t- x", b"a note\n", b"contexts: 4\n", bytes(range(256)), None],
    ids=["yaml", "text", "number", "binary", "directory"],
)
def test_file_that_is_no_configuration_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "the-configuration"
    file.mkdir() if content is None else file.write_bytes(content)
    done = run(KUBECONFIG=str(file))
    assert (done.returncode, done.stderr) == (1, "")
    assert f"'{file}'" in done.stdout.partition("✗ server: ")[2]
    assert "let KUBECONFIG name a file with a current context" in done.stdout
    assert "Traceback" not in done.stdout


@needs_kubectl
def test_credentials_command_that_is_not_there_is_named(healthy: Api, tmp_path: Path) -> None:
    document = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    api = "client.authentication.k8s.io/v1"
    for one in document["users"]:
        one["user"] = {"exec": {"apiVersion": api, "command": "no-such-plugin"}}
    config = tmp_path / "with-plugin"
    config.write_text(yaml.safe_dump(document))
    done = run(KUBECONFIG=str(config))
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ server: no credentials for the context" in done.stdout
    assert "no-such-plugin" in done.stdout


@needs_kubectl
@pytest.mark.parametrize("token", ["secret1\nsecret2", "secret1ж"], ids=["lines", "letter"])
def test_token_that_cannot_be_sent_is_a_sentence_without_it(
    healthy: Api, tmp_path: Path, token: str
) -> None:
    document = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    for one in document["users"]:
        one["user"] = {"token": token}
    config = tmp_path / "damaged"
    config.write_text(yaml.safe_dump(document))
    done = run(KUBECONFIG=str(config))
    assert (done.returncode, done.stderr) == (1, "")
    assert "credentials cannot be sent: a token is one line of plain letters" in done.stdout
    assert "secret1" not in done.stdout


@needs_kubectl
def test_account_that_may_do_what_runs_may_is_told_what_a_rollback_needs_besides(
    healthy: Api,
) -> None:
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for group, resource, verb in RUNS
    ]
    healthy.permit(rules, user="somebody")
    said = {one.name: one.said for one in examine("", OURS).findings}
    lacking = "this account may not list inferenceservices"
    assert said["kubeloop status"] == f"{lacking} in {OURS}"
    assert said["kubeloop rollback"] == f"{lacking}, create services/proxy in {OURS}"


@needs_kubectl
@pytest.mark.parametrize("right", RUNS, ids=lambda right: "-".join(right).replace("/", "-"))
def test_rollback_asks_for_every_right_of_the_role(
    healthy: Api, right: tuple[str, str, str]
) -> None:
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for group, resource, verb in (*RUNS, *PERSON)
        if (group, resource, verb) != right
    ]
    healthy.permit(rules, user="somebody")
    (_, one) = islice(look_at_rights(connect(), OURS), 2)
    assert one.said == f"this account may not {right[2]} {right[1]} in {OURS}"


@needs_kubectl
def test_secrets_of_runs_that_are_missing_or_unreadable_are_notes_where_nothing_fails(
    healthy: Api,
) -> None:
    healthy.remove("Secret", "kubeloop-sources", "kubeflow")
    found = examine("", OURS)
    assert broken(found) == []
    (note,) = [one for one in found.findings if one.name == "secret kubeloop-sources in kubeflow"]
    assert (note.state, note.said[:16]) == ("note", "is not there: ru")
    healthy.remove("Secret", "kubeloop-bundles", "kubeflow")
    account = document("v1", "ServiceAccount", "pipeline-runner", "kubeflow")
    account["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a"}
    healthy.put(account)
    assert broken(examine("", OURS)) == []
    healthy.fail("GET", "namespaces/kubeflow/secrets", status=403, message="no", times=-1)
    (note,) = [f for f in examine("", OURS).findings if f.name == "secrets in kubeflow"]
    assert note.state == "note"


def test_server_that_is_not_well_is_asked_once_and_told_at_once(kubernetes_api: Api) -> None:
    """Its client would wait as long as it is told, three times."""
    path = "/api/v1/namespaces/kubeloop"
    kubernetes_api.fail("GET", path, status=503, message="starting", retry_after=1, times=-1)
    with pytest.raises(RefusedError, match="starting") as raised:
        connect().get(path)
    assert raised.value.status == 503
    assert [call.status for call in kubernetes_api.calls] == [503]


def test_server_that_cuts_its_answers_is_asked_once(kubernetes_api: Api) -> None:
    kubernetes_api.cut("GET", "/api/v1/namespaces/kubeloop", times=-1, acted=False)
    with pytest.raises(SilentError, match="nobody answers at http"):
        connect().get("/api/v1/namespaces/kubeloop")
    assert len(kubernetes_api.calls) == 1


# Seconds to connect and to answer: a test waits for the second, whole, where nobody answers.
QUICK = (5.0, 0.5)


def test_server_that_accepts_and_is_silent_is_asked_once_and_named(kubernetes_api: Api) -> None:
    kubernetes_api.hang("*", ".*", times=-1)
    found = examine("", OURS, QUICK)
    (said,) = [one for one in found.findings if one.area == "cluster"]
    assert said.said == f"nobody answers at {kubernetes_api.url}: no answer in 0.5 s"
    assert (said.state, found.healthy) == ("wrong", False)
    # The first question is of no resource, and there was no other.
    assert kubernetes_api.calls == []


@needs_kubectl
@pytest.mark.parametrize(
    ("resource", "namespace"),
    [
        ("nodes", ""),
        ("customresourcedefinitions", ""),
        ("rolebindings", OURS),
        ("secrets", "kubeflow"),
        ("selfsubjectaccessreviews", ""),
    ],
    ids=lambda word: str(word),
)
def test_server_that_falls_silent_ends_the_examination_which_says_so(
    healthy: Api, resource: str, namespace: str
) -> None:
    """Also where a look makes a note of what it is refused, and goes on."""
    healthy.hang("*", f"{namespace}/{resource}" if namespace else resource, times=-1)
    found = examine("", OURS, QUICK)
    last = found.findings[-1]
    assert (last.name, last.state, found.healthy) == ("server", "wrong", False)
    assert f"nobody answers at {healthy.url}: no answer in 0.5 s" in last.said
    asked = [(call.resource, call.namespace) for call in healthy.calls]
    assert asked.index((resource, namespace)) == len(asked) - 1


class Foreign(Web):
    """Answers alike to everything."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        super().__init__()

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        return 200, {}, self._body


@pytest.mark.parametrize("body", ["<html>Log in</html>", "[]", '"well"'], ids=["page", "list", "t"])
def test_server_that_is_no_kubernetes_is_named(
    kubernetes_api: Api, tmp_path: Path, body: str
) -> None:
    server = Foreign(body.encode())
    text = Path(os.environ["KUBECONFIG"]).read_text().replace(kubernetes_api.url, server.url)
    config = tmp_path / "elsewhere"
    config.write_text(text)
    done = run(KUBECONFIG=str(config))
    server.close()
    assert (done.returncode, done.stderr) == (1, "")
    assert f"✗ server: {server.url} answers something that is no Kubernetes API" in done.stdout


def test_credentials_that_are_refused_are_mended_by_a_login(kubernetes_api: Api) -> None:
    kubernetes_api.fail("GET", "/version", status=401, message="Unauthorized", times=-1)
    (one,) = [f for f in examine("", OURS).findings if f.name == "server"]
    assert (one.said, one.mend[:12]) == ("Unauthorized", "log in again")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"release": "mine"}}, True),
        ({"matchLabels": {"release": "other"}}, False),
        ({"matchExpressions": [{"key": "release", "operator": "In", "values": ["mine"]}]}, True),
        (
            {"matchExpressions": [{"key": "release", "operator": "NotIn", "values": ["mine"]}]},
            False,
        ),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, True),
    ],
    ids=["absent", "empty", "same", "other", "in", "notin", "exists", "not"],
)
def test_selector_selects_as_kubernetes_says(selector: Document | None, expected: bool) -> None:
    assert selects(selector, {"release": "mine"}) is expected


@pytest.mark.parametrize("name", ["Bad NS", "", "-a", "a" * 64, "a.b"])
def test_namespace_that_cannot_be_is_status_2(name: str) -> None:
    done = run("--namespace", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for '--namespace'" in done.stderr

"""The API server of tests/kubernetes_api, held against the clients of the real one.

What the official Python client and kubectl make of its answers shows that it speaks the protocol.
"""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient

from tests.kubernetes_api import Api, Call
from tests.serving import wait_for

LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "kubeloop-churn"},
    "spec": {"holderIdentity": "run-1", "leaseDurationSeconds": 15},
}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"tier": "front"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    },
}
ROLE = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "patch"]}]
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


@pytest.fixture
def http(kubernetes_api: Api) -> Iterator[client.ApiClient]:
    made = config.new_client_from_config(os.environ["KUBECONFIG"])
    # One try: what a test orders is to be seen.
    made.configuration.retries = False
    with client.ApiClient(made.configuration) as api:
        yield api


@pytest.fixture
def core(http: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(http)


@pytest.fixture
def leases(http: client.ApiClient) -> client.CoordinationV1Api:
    return client.CoordinationV1Api(http)


@pytest.fixture
def custom(http: client.ApiClient, kubernetes_api: Api) -> client.CustomObjectsApi:
    kubernetes_api.register("example.org", "v1", "things", "Thing")
    return client.CustomObjectsApi(http)


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels or {}}, "data": data}


def refusal(caught: pytest.ExceptionInfo[ApiException]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(caught.value.body)
    assert (found["kind"], found["status"], found["code"]) == (
        "Status",
        "Failure",
        caught.value.status,
    )
    return found


def apply(http: client.ApiClient, document: dict[str, Any], manager: str, **how: Any) -> Any:
    kind = DynamicClient(http).resources.get(
        api_version=document["apiVersion"], kind=document["kind"]
    )
    name = document["metadata"]["name"]
    applied = kind.server_side_apply(
        body=document, name=name, namespace="default", field_manager=manager, **how
    )
    return applied.to_dict()


def kubectl(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = ["kubectl", *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)


# Reading and writing


def test_create_fills_in_what_a_client_relies_on(core: client.CoreV1Api) -> None:
    made = core.create_namespaced_config_map("default", config_map("a", x="1"))
    metadata = made.metadata
    assert (metadata.name, metadata.namespace, made.data) == ("a", "default", {"x": "1"})
    assert metadata.uid
    assert metadata.creation_timestamp.tzinfo is not None
    found = core.read_namespaced_config_map("a", "default")
    assert found.metadata.resource_version == metadata.resource_version


def test_create_of_a_name_that_is_taken_is_409_already_exists(core: client.CoreV1Api) -> None:
    core.create_namespaced_config_map("default", config_map("a"))
    with pytest.raises(ApiException) as caught:
        core.create_namespaced_config_map("default", config_map("a"))
    found = refusal(caught)
    assert (found["code"], found["reason"]) == (409, "AlreadyExists")
    assert found["message"] == 'configmaps "a" already exists'
    assert found["details"] == {"name": "a", "kind": "configmaps"}


def test_create_with_generate_name_makes_names(core: client.CoreV1Api) -> None:
    body = {"metadata": {"generateName": "run-"}}
    names = [core.create_namespaced_config_map("default", body).metadata.name for _ in range(2)]
    assert [name.startswith("run-") for name in names] == [True, True]
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("namespace", "message"),
    [("default", 'configmaps "gone" not found'), ("nowhere", 'configmaps "gone" not found')],
)
def test_read_of_what_is_not_there_is_404(
    core: client.CoreV1Api, namespace: str, message: str
) -> None:
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_config_map("gone", namespace)
    found = refusal(caught)
    assert (found["code"], found["reason"], found["message"]) == (404, "NotFound", message)


def test_create_in_a_namespace_that_is_not_there_is_404(core: client.CoreV1Api) -> None:
    with pytest.raises(ApiException) as caught:
        core.create_namespaced_config_map("nowhere", config_map("a"))
    assert refusal(caught)["message"] == 'namespaces "nowhere" not found'


def test_a_kind_that_is_not_defined_is_404_until_it_is(
    http: client.ApiClient, kubernetes_api: Api
) -> None:
    things = client.CustomObjectsApi(http)
    with pytest.raises(ApiException) as caught:
        things.list_namespaced_custom_object("example.org", "v1", "default", "things")
    assert refusal(caught)["message"] == "the server could not find the requested resource"
    client.ApiextensionsV1Api(http).create_custom_resource_definition(
        {
            "metadata": {"name": "things.example.org"},
            "spec": {
                "group": "example.org",
                "scope": "Namespaced",
                "names": {"plural": "things", "kind": "Thing"},
                "versions": [{"name": "v1", "served": True, "storage": True}],
            },
        }
    )
    found = things.list_namespaced_custom_object("example.org", "v1", "default", "things")
    assert (found["kind"], found["items"]) == ("ThingList", [])


def test_replace_from_a_stale_version_is_409_conflict(core: client.CoreV1Api) -> None:
    first = core.create_namespaced_config_map("default", config_map("a", x="1"))
    first.data = {"x": "2"}
    core.replace_namespaced_config_map("a", "default", first)
    with pytest.raises(ApiException) as caught:
        core.replace_namespaced_config_map("a", "default", first)
    found = refusal(caught)
    assert found["reason"] == "Conflict"
    assert found["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please '
        "apply your changes to the latest version and try again"
    )


def test_replace_that_changes_nothing_makes_no_version(core: client.CoreV1Api) -> None:
    first = core.create_namespaced_config_map("default", config_map("a", x="1"))
    again = core.replace_namespaced_config_map("a", "default", first)
    assert again.metadata.resource_version == first.metadata.resource_version


def test_replace_of_a_lease_needs_its_version(leases: client.CoordinationV1Api) -> None:
    leases.create_namespaced_lease("default", LEASE)
    with pytest.raises(ApiException) as caught:
        leases.replace_namespaced_lease("kubeloop-churn", "default", LEASE)
    found = refusal(caught)
    assert (found["code"], found["reason"]) == (422, "Invalid")
    assert "metadata.resourceVersion" in found["message"]


def test_patch_merges_and_removes_what_is_null(core: client.CoreV1Api) -> None:
    core.create_namespaced_config_map("default", config_map("a", x="1", y="2"))
    patched = core.patch_namespaced_config_map("a", "default", {"data": {"x": None, "z": "3"}})
    assert patched.data == {"y": "2", "z": "3"}


def test_patch_of_a_deployment_merges_containers_by_name(http: client.ApiClient) -> None:
    apps = client.AppsV1Api(http)
    apps.create_namespaced_deployment("default", DEPLOYMENT)
    containers = [{"name": "side", "image": "side:1"}, {"name": "web", "image": "web:2"}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    patched = apps.patch_namespaced_deployment("web", "default", patch)
    found = [(c.name, c.image) for c in patched.spec.template.spec.containers]
    assert found == [("web", "web:2"), ("side", "side:1")]
    assert patched.metadata.generation == 2


def test_patch_by_json_patch_tests_and_changes(http: client.ApiClient, kubernetes_api: Api) -> None:
    kubernetes_api.put({"apiVersion": "v1", "kind": "ConfigMap", **config_map("a", x="1", y="2")})
    core = client.CoreV1Api(http)
    operations = [
        {"op": "test", "path": "/data/x", "value": "1"},
        {"op": "remove", "path": "/data/y"},
        {"op": "add", "path": "/data/z", "value": "3"},
    ]
    patched = core.patch_namespaced_config_map("a", "default", operations)
    assert patched.data == {"x": "1", "z": "3"}
    with pytest.raises(ApiException) as caught:
        core.patch_namespaced_config_map("a", "default", [{**operations[0], "value": "2"}])
    assert refusal(caught)["code"] == 422


def test_patch_in_an_unknown_format_is_415(
    custom: client.CustomObjectsApi, http: client.ApiClient, kubernetes_api: Api
) -> None:
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}}
    kubernetes_api.put(thing)
    response = http.rest_client.pool_manager.request(
        "PATCH",
        f"{kubernetes_api.url}/apis/example.org/v1/namespaces/default/things/a",
        body=b"{}",
        headers={"Content-Type": "application/strategic-merge-patch+json"},
    )
    assert response.status == 415


def test_patch_with_a_version_is_refused_once_it_is_stale(custom: client.CustomObjectsApi) -> None:
    place = ("example.org", "v1", "default", "things")
    made = custom.create_namespaced_custom_object(
        *place, {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}}
    )
    version = {"resourceVersion": made["metadata"]["resourceVersion"]}
    patch = {"metadata": version, "spec": {"x": 1}}
    custom.patch_namespaced_custom_object(*place, "a", patch)
    with pytest.raises(ApiException) as caught:
        custom.patch_namespaced_custom_object(*place, "a", {**patch, "spec": {"x": 2}})
    assert refusal(caught)["reason"] == "Conflict"


def test_status_and_spec_are_written_apart(custom: client.CustomObjectsApi) -> None:
    place = ("example.org", "v1", "default", "things")
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}}
    made = custom.create_namespaced_custom_object(
        *place, {**thing, "spec": {"x": 1}, "status": {"lost": True}}
    )
    assert "status" not in made
    written = custom.patch_namespaced_custom_object_status(
        *place, "a", {"spec": {"x": 9}, "status": {"ready": True}}
    )
    assert (written["spec"], written["status"]) == ({"x": 1}, {"ready": True})
    assert written["metadata"]["generation"] == 1
    changed = custom.patch_namespaced_custom_object(
        *place, "a", {"spec": {"x": 2}, "status": {"ready": False}}
    )
    assert (changed["spec"], changed["status"]) == ({"x": 2}, {"ready": True})
    assert changed["metadata"]["generation"] == 2


# Lists and selectors


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ({"label_selector": "tier=front"}, ["a"]),
        ({"label_selector": "tier!=front"}, ["b", "c"]),
        ({"label_selector": "tier"}, ["a", "b"]),
        ({"label_selector": "!tier"}, ["c"]),
        ({"label_selector": "tier in (front,back),x"}, ["b"]),
        ({"label_selector": "tier notin (front)"}, ["b", "c"]),
        ({"field_selector": "metadata.name=b"}, ["b"]),
        ({"field_selector": "metadata.name!=b"}, ["a", "c"]),
    ],
)
def test_list_is_chosen_by_selectors(
    core: client.CoreV1Api, how: dict[str, str], names: list[str]
) -> None:
    for name, labels in (("a", {"tier": "front"}), ("b", {"tier": "back", "x": "1"}), ("c", {})):
        core.create_namespaced_config_map("default", config_map(name, labels))
    found = core.list_namespaced_config_map("default", **how)
    assert [item.metadata.name for item in found.items] == names


def test_list_in_pages_gives_each_once(core: client.CoreV1Api) -> None:
    for name in "abcde":
        core.create_namespaced_config_map("default", config_map(name))
    names, token, pages = [], None, 0
    while token or not pages:
        page = core.list_namespaced_config_map("default", limit=2, _continue=token)
        names += [item.metadata.name for item in page.items]
        token, pages = page.metadata._continue, pages + 1
    assert (names, pages) == (list("abcde"), 3)


def test_list_continued_after_the_history_was_forgotten_is_410(
    core: client.CoreV1Api, kubernetes_api: Api
) -> None:
    for name in "ab":
        core.create_namespaced_config_map("default", config_map(name))
    token = core.list_namespaced_config_map("default", limit=1).metadata._continue
    core.create_namespaced_config_map("default", config_map("c"))
    kubernetes_api.compact()
    with pytest.raises(ApiException) as caught:
        core.list_namespaced_config_map("default", limit=1, _continue=token)
    assert (refusal(caught)["code"], refusal(caught)["reason"]) == (410, "Expired")


# Watches


def seen(stream: Iterator[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"].metadata.name) for event in stream]


def test_watch_tells_what_happened_since_a_version_and_ends(core: client.CoreV1Api) -> None:
    version = core.list_namespaced_config_map("default").metadata.resource_version
    core.create_namespaced_config_map("default", config_map("a"))
    core.patch_namespaced_config_map("a", "default", {"data": {"x": "1"}})
    core.delete_namespaced_config_map("a", "default")
    stream = watch.Watch().stream(
        core.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=1
    )
    assert seen(stream) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_watch_tells_what_comes_while_it_runs(core: client.CoreV1Api, kubernetes_api: Api) -> None:
    watcher, found = watch.Watch(), []
    kubernetes_api.put({"apiVersion": "v1", "kind": "ConfigMap", **config_map("a")})
    for event in watcher.stream(core.list_namespaced_config_map, "default", timeout_seconds=30):
        found.append((event["type"], event["object"].metadata.name))
        if len(found) == 1:
            kubernetes_api.put({"apiVersion": "v1", "kind": "ConfigMap", **config_map("b")})
        else:
            watcher.stop()
    assert found == [("ADDED", "a"), ("ADDED", "b")]


def test_watch_by_a_label_sees_what_loses_it_as_deleted(
    core: client.CoreV1Api, kubernetes_api: Api
) -> None:
    core.create_namespaced_config_map("default", config_map("a", {"on": "1"}))
    version = core.list_namespaced_config_map("default").metadata.resource_version
    core.patch_namespaced_config_map("a", "default", {"metadata": {"labels": {"on": "0"}}})
    core.patch_namespaced_config_map("a", "default", {"data": {"x": "1"}})
    core.patch_namespaced_config_map("a", "default", {"metadata": {"labels": {"on": "1"}}})
    kubernetes_api.end_watches(times=1)
    stream = watch.Watch().stream(
        core.list_namespaced_config_map,
        "default",
        label_selector="on=1",
        resource_version=version,
        timeout_seconds=1,
    )
    assert seen(stream) == [("DELETED", "a"), ("ADDED", "a")]


def test_watch_from_before_the_history_is_410(core: client.CoreV1Api, kubernetes_api: Api) -> None:
    version = core.list_namespaced_config_map("default").metadata.resource_version
    core.create_namespaced_config_map("default", config_map("a"))
    kubernetes_api.compact()
    with pytest.raises(ApiException) as caught:
        core.list_namespaced_config_map(
            "default", watch=True, resource_version=version, timeout_seconds=1
        )
    found = refusal(caught)
    assert (found["code"], found["reason"]) == (410, "Expired")
    assert found["message"].startswith(f"too old resource version: {version} (")


def test_watch_that_runs_gets_an_error_event_when_its_version_expires(
    core: client.CoreV1Api, kubernetes_api: Api
) -> None:
    core.create_namespaced_config_map("default", config_map("a"))
    response = core.list_namespaced_config_map(
        "default", watch=True, timeout_seconds=30, _preload_content=False
    )
    first = response.readline()
    kubernetes_api.compact(event=True)
    lines = [json.loads(first), *map(json.loads, response.data.splitlines())]
    assert [line["type"] for line in lines] == ["ADDED", "ERROR"]
    assert (lines[1]["object"]["code"], lines[1]["object"]["reason"]) == (410, "Expired")


def test_watch_ends_when_the_server_ends_it(core: client.CoreV1Api, kubernetes_api: Api) -> None:
    core.create_namespaced_config_map("default", config_map("a"))
    kubernetes_api.end_watches(times=1)
    response = core.list_namespaced_config_map(
        "default", watch=True, timeout_seconds=600, _preload_content=False
    )
    assert [json.loads(line)["type"] for line in response.data.splitlines()] == ["ADDED"]


def test_watch_with_bookmarks_says_how_far_it_got(core: client.CoreV1Api) -> None:
    core.create_namespaced_config_map("default", config_map("a"))
    response = core.list_namespaced_config_map(
        "default",
        watch=True,
        allow_watch_bookmarks=True,
        timeout_seconds=1,
        _preload_content=False,
    )
    events = [json.loads(line) for line in response.data.splitlines()]
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    version = core.list_namespaced_config_map("default").metadata.resource_version
    assert events[1]["object"]["metadata"]["resourceVersion"] == version


# Server-side apply


def test_apply_makes_and_owns(http: client.ApiClient) -> None:
    made = apply(http, DEPLOYMENT, "kubeloop-deploy")
    [entry] = made["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("kubeloop-deploy", "Apply")
    assert entry["fieldsV1"]["f:spec"]["f:replicas"] == {}
    container = entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert container == {'k:{"name":"web"}': {".": {}, "f:image": {}, "f:name": {}}}


def test_apply_again_changes_nothing(http: client.ApiClient) -> None:
    first = apply(http, DEPLOYMENT, "kubeloop-deploy")
    again = apply(http, DEPLOYMENT, "kubeloop-deploy")
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert again["metadata"]["generation"] == 1


def test_apply_by_two_in_turn_changes_nothing_either(http: client.ApiClient) -> None:
    versions = set()
    for manager in ("one", "two", "one", "two"):
        made = apply(http, DEPLOYMENT, manager)
        versions.add((manager, made["metadata"]["resourceVersion"]))
    assert len(versions) == 3


def test_apply_removes_what_it_applies_no_longer(http: client.ApiClient) -> None:
    apply(http, DEPLOYMENT, "kubeloop-deploy")
    less = json.loads(json.dumps(DEPLOYMENT))
    del less["metadata"]["labels"]
    del less["spec"]["replicas"]
    found = apply(http, less, "kubeloop-deploy")
    assert "labels" not in found["metadata"]
    assert "replicas" not in found["spec"]


def test_apply_leaves_what_another_manager_applies_too(http: client.ApiClient) -> None:
    apply(http, DEPLOYMENT, "kubeloop-deploy")
    apply(http, DEPLOYMENT, "another")
    less = json.loads(json.dumps(DEPLOYMENT))
    del less["spec"]["replicas"]
    assert apply(http, less, "kubeloop-deploy")["spec"]["replicas"] == 2


def test_apply_over_another_managers_value_is_409_with_causes(http: client.ApiClient) -> None:
    apply(http, DEPLOYMENT, "kubeloop-deploy")
    other = json.loads(json.dumps(DEPLOYMENT))
    other["spec"]["replicas"] = 5
    with pytest.raises(ApiException) as caught:
        apply(http, other, "another")
    found = refusal(caught)
    assert (found["code"], found["reason"]) == (409, "Conflict")
    assert found["message"] == (
        'Apply failed with 1 conflict: conflict with "kubeloop-deploy": .spec.replicas'
    )
    cause = {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubeloop-deploy"',
        "field": ".spec.replicas",
    }
    assert found["details"]["causes"] == [cause]
    forced = apply(http, other, "another", force_conflicts=True)
    owners = {
        entry["manager"]: "f:replicas" in entry["fieldsV1"]["f:spec"]
        for entry in forced["metadata"]["managedFields"]
    }
    assert (forced["spec"]["replicas"], owners) == (5, {"kubeloop-deploy": False, "another": True})


def test_apply_conflicts_with_what_an_update_changed(http: client.ApiClient) -> None:
    apply(http, DEPLOYMENT, "kubeloop-deploy")
    apps = client.AppsV1Api(http)
    image = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:9"}]}}}}
    patch = {"spec": {"replicas": 3, **image["spec"]}}
    apps.patch_namespaced_deployment("web", "default", patch, field_manager="hand")
    with pytest.raises(ApiException) as caught:
        apply(http, DEPLOYMENT, "kubeloop-deploy")
    assert refusal(caught)["message"] == (
        'Apply failed with 2 conflicts: conflicts with "hand" using apps/v1:\n- .spec.replicas\n'
        '- .spec.template.spec.containers[name="web"].image'
    )


def test_apply_of_a_custom_kind_owns_lists_whole(
    custom: client.CustomObjectsApi, http: client.ApiClient
) -> None:
    thing: dict[str, Any] = {"apiVersion": "example.org/v1", "kind": "Thing"}
    thing |= {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "x"}, {"name": "y"}]}}
    made = apply(http, thing, "one")
    assert made["metadata"]["managedFields"][0]["fieldsV1"] == {"f:spec": {"f:containers": {}}}
    thing["spec"]["containers"] = [{"name": "z"}]
    assert apply(http, thing, "one")["spec"]["containers"] == [{"name": "z"}]


def test_apply_with_a_stale_version_is_409(http: client.ApiClient) -> None:
    made = apply(http, DEPLOYMENT, "kubeloop-deploy")
    stale = json.loads(json.dumps(DEPLOYMENT))
    stale["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    stale["spec"]["replicas"] = 3
    apply(http, stale, "kubeloop-deploy")
    stale["spec"]["replicas"] = 4
    with pytest.raises(ApiException) as caught:
        apply(http, stale, "kubeloop-deploy")
    assert "the object has been modified" in refusal(caught)["message"]


def test_apply_without_a_manager_is_refused(kubernetes_api: Api, http: client.ApiClient) -> None:
    response = http.rest_client.pool_manager.request(
        "PATCH",
        f"{kubernetes_api.url}{LEASES}/a",
        body=json.dumps(LEASE).encode(),
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    assert response.status == 422
    assert "is required for apply patch" in json.loads(response.data)["message"]


# Deletion


def test_delete_waits_for_finalizers(core: client.CoreV1Api) -> None:
    body = config_map("a")
    body["metadata"]["finalizers"] = ["example.org/hold"]
    core.create_namespaced_config_map("default", body)
    core.delete_namespaced_config_map("a", "default")
    held = core.read_namespaced_config_map("a", "default")
    assert held.metadata.deletion_timestamp is not None
    core.patch_namespaced_config_map("a", "default", {"metadata": {"finalizers": None}})
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_config_map("a", "default")
    assert caught.value.status == 404


def test_delete_of_another_than_the_one_read_is_409(core: client.CoreV1Api) -> None:
    core.create_namespaced_config_map("default", config_map("a"))
    body = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
    with pytest.raises(ApiException) as caught:
        core.delete_namespaced_config_map("a", "default", body=body)
    assert refusal(caught)["code"] == 409


@pytest.mark.parametrize(("policy", "left"), [("Background", 0), ("Orphan", 1)])
def test_delete_takes_what_is_owned_along(
    core: client.CoreV1Api, kubernetes_api: Api, policy: str, left: int
) -> None:
    owner = core.create_namespaced_config_map("default", config_map("owner"))
    body = config_map("owned")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner"}
    body["metadata"]["ownerReferences"] = [{**reference, "uid": owner.metadata.uid}]
    version = core.create_namespaced_config_map("default", body).metadata.resource_version
    core.delete_namespaced_config_map("owner", "default", propagation_policy=policy)
    watcher = watch.Watch()
    for event in watcher.stream(
        core.list_namespaced_config_map,
        "default",
        field_selector="metadata.name=owned",
        resource_version=version,
        timeout_seconds=30,
    ):
        assert event["type"] == ("DELETED" if policy == "Background" else "MODIFIED")
        watcher.stop()
    assert len(core.list_namespaced_config_map("default").items) == left


def test_delete_of_a_namespace_empties_it(core: client.CoreV1Api, kubernetes_api: Api) -> None:
    core.create_namespace({"metadata": {"name": "models"}})
    made = core.create_namespaced_config_map("models", config_map("a"))
    core.delete_namespace("models")
    watcher = watch.Watch()
    for event in watcher.stream(
        core.list_config_map_for_all_namespaces,
        resource_version=made.metadata.resource_version,
        timeout_seconds=30,
    ):
        assert (event["type"], event["object"].metadata.name) == ("DELETED", "a")
        watcher.stop()
    assert kubernetes_api.list("ConfigMap", "models") == []


# Faults


@pytest.mark.parametrize("status", [401, 403, 404, 409, 410, 429, 500, 503])
def test_fail_answers_with_a_status_as_often_as_told(
    core: client.CoreV1Api, kubernetes_api: Api, status: int
) -> None:
    kubernetes_api.fail("get", "configmaps", status=status, message="because", times=2)
    for _ in range(2):
        with pytest.raises(ApiException) as caught:
            core.list_namespaced_config_map("default")
        found = refusal(caught)
        assert (found["code"], found["message"]) == (status, "because")
    assert core.list_namespaced_config_map("default").items == []


def test_fail_with_retry_after_says_it_in_header_and_body(
    core: client.CoreV1Api, kubernetes_api: Api
) -> None:
    kubernetes_api.fail("*", "configmaps", status=429, retry_after=7)
    with pytest.raises(ApiException) as caught:
        core.list_namespaced_config_map("default")
    assert caught.value.headers["Retry-After"] == "7"
    found = refusal(caught)
    assert found["reason"] == "TooManyRequests"
    assert found["details"] == {"retryAfterSeconds": 7}


@pytest.mark.parametrize(("acted", "there"), [(False, 0), (True, 1)])
def test_fail_leaves_a_change_undone_or_done(
    core: client.CoreV1Api, kubernetes_api: Api, acted: bool, there: int
) -> None:
    kubernetes_api.fail("create", "configmaps", status=500, acted=acted)
    with pytest.raises(ApiException):
        core.create_namespaced_config_map("default", config_map("a"))
    assert len(kubernetes_api.list("ConfigMap")) == there


@pytest.mark.parametrize("after_bytes", [0, 20])
@pytest.mark.parametrize(("acted", "there"), [(False, 0), (True, 1)])
def test_cut_ends_the_connection_in_the_middle_of_an_answer(
    core: client.CoreV1Api, kubernetes_api: Api, after_bytes: int, acted: bool, there: int
) -> None:
    from urllib3.exceptions import HTTPError

    kubernetes_api.cut("create", "configmaps", after_bytes=after_bytes, acted=acted)
    with pytest.raises(HTTPError):
        core.create_namespaced_config_map("default", config_map("a"))
    assert len(kubernetes_api.list("ConfigMap")) == there
    core.list_namespaced_config_map("default")


def test_cut_ends_a_watch_within_an_event(core: client.CoreV1Api, kubernetes_api: Api) -> None:
    from urllib3.exceptions import HTTPError

    core.create_namespaced_config_map("default", config_map("a"))
    kubernetes_api.cut("watch", "configmaps", after_bytes=30)
    response = core.list_namespaced_config_map(
        "default", watch=True, timeout_seconds=30, _preload_content=False
    )
    with pytest.raises(HTTPError):
        response.read()


def test_hang_answers_once_released(core: client.CoreV1Api, kubernetes_api: Api) -> None:
    kubernetes_api.hang("get", "configmaps")
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(core.list_namespaced_config_map("default"))
    )
    asking.start()
    asking.join(0.05)
    assert answers == []
    kubernetes_api.release()
    asking.join(30)
    assert len(answers) == 1


# Rights


def test_permit_refuses_what_the_rules_do_not_grant(
    leases: client.CoordinationV1Api, core: client.CoreV1Api, kubernetes_api: Api
) -> None:
    kubernetes_api.put({**LEASE, "metadata": {"name": "kubeloop-churn"}})
    kubernetes_api.permit(ROLE, namespace="default")
    leases.read_namespaced_lease("kubeloop-churn", "default")
    with pytest.raises(ApiException) as caught:
        leases.delete_namespaced_lease("kubeloop-churn", "default")
    found = refusal(caught)
    assert (found["code"], found["reason"]) == (403, "Forbidden")
    assert found["message"] == (
        'leases.coordination.k8s.io "kubeloop-churn" is forbidden: User '
        '"system:serviceaccount:kubeflow:pipeline-runner" cannot delete resource "leases" in API '
        'group "coordination.k8s.io" in the namespace "default"'
    )
    with pytest.raises(ApiException) as caught:
        leases.read_namespaced_lease("kubeloop-churn", "kube-system")
    assert caught.value.status == 403
    with pytest.raises(ApiException) as caught:
        core.list_pod_for_all_namespaces()
    assert refusal(caught)["message"].endswith(
        'cannot list resource "pods" in API group "" at the cluster scope'
    )


def test_permit_asks_for_create_where_an_apply_creates(
    http: client.ApiClient, kubernetes_api: Api
) -> None:
    kubernetes_api.permit(ROLE)
    with pytest.raises(ApiException) as caught:
        apply(http, LEASE, "kubeloop-deploy")
    assert 'cannot create resource "leases"' in refusal(caught)["message"]
    kubernetes_api.put(LEASE)
    apply(http, LEASE, "kubeloop-deploy", force_conflicts=True)


def test_access_reviews_say_what_is_permitted(http: client.ApiClient, kubernetes_api: Api) -> None:
    kubernetes_api.permit(ROLE, namespace="default")
    reviews = client.AuthorizationV1Api(http)

    def allowed(**attributes: str) -> bool:
        spec = {"resourceAttributes": {"group": "coordination.k8s.io", **attributes}}
        answer = reviews.create_self_subject_access_review({"spec": spec})
        return bool(answer.status.allowed)

    assert allowed(verb="get", resource="leases", namespace="default")
    assert not allowed(verb="update", resource="leases", namespace="default")
    assert not allowed(verb="get", resource="leases", namespace="other")
    rules = reviews.create_self_subject_rules_review({"spec": {"namespace": "default"}})
    assert [rule.verbs for rule in rules.status.resource_rules] == [["get", "patch"]]


# The record of calls, and what may happen at one


def test_calls_are_recorded_as_rbac_sees_them(
    core: client.CoreV1Api, leases: client.CoordinationV1Api, kubernetes_api: Api
) -> None:
    leases.create_namespaced_lease("default", LEASE)
    leases.patch_namespaced_lease("kubeloop-churn", "default", {"spec": {}})
    kubernetes_api.end_watches(times=1)
    core.list_namespaced_pod("default", watch=True, _preload_content=False).read()
    with pytest.raises(ApiException):
        core.read_namespaced_pod_log("gone", "default")
    group = "coordination.k8s.io"
    expected = [
        Call("create", group, "leases", "", "default", "", 201),
        Call("patch", group, "leases", "", "default", "kubeloop-churn", 200),
        Call("watch", "", "pods", "", "default", "", 200),
        Call("get", "", "pods", "log", "default", "gone", 404),
    ]
    # A status is noted when its answer has gone out.
    wait_for(lambda: kubernetes_api.calls == expected)
    assert kubernetes_api.calls == expected


@pytest.mark.parametrize(("moment", "there"), [("arrived", 0), ("done", 1), ("answered", 1)])
def test_on_call_kills_a_client_at_each_moment_of_a_call(
    kubernetes_api: Api, core: client.CoreV1Api, moment: Any, there: int
) -> None:
    core.list_namespaced_config_map("default")
    child = os.fork()
    if child == 0:
        try:
            core.create_namespaced_config_map("default", config_map("a"))
        finally:
            # Only where nobody killed it; the parent waits for another end.
            signal.pause()
            os._exit(1)

    def kill(call: Call) -> str:
        os.kill(child, signal.SIGKILL)
        return "drop"

    kubernetes_api.on_call(kill, moment=moment, verbs=["create"])
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    kubernetes_api.on_call(None)
    assert len(core.list_namespaced_config_map("default").items) == there


def test_a_hook_that_fails_is_not_lost(core: client.CoreV1Api) -> None:
    from urllib3.exceptions import HTTPError

    api = Api()
    api.on_call(lambda call: 1 / 0)
    with pytest.raises(HTTPError):
        client.CoreV1Api(client.ApiClient(client.Configuration(api.url))).list_namespace()
    with pytest.raises(RuntimeError, match="inside tests/kubernetes_api") as caught:
        api.close()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


# kubectl


def test_kubectl_applies_gets_and_deletes(kubernetes_api: Api) -> None:
    text = json.dumps(DEPLOYMENT)
    assert kubectl("apply", "-f", "-", given=text).stdout == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", "-", given=text).stdout == "deployment.apps/web unchanged\n"
    changed = text.replace("web:1", "web:2")
    assert kubectl("apply", "-f", "-", given=changed).stdout == "deployment.apps/web configured\n"
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    assert kubectl("get", "deploy", "web", "-o", path).stdout == "web:2"
    assert "web" in kubectl("get", "deployments", "-A").stdout
    assert kubectl("delete", "deployment", "web").stdout.startswith('deployment.apps "web" deleted')
    assert kubectl("get", "deploy", "web").stderr == (
        'Error from server (NotFound): deployments.apps "web" not found\n'
    )


def test_kubectl_server_side_apply_says_the_conflict(kubernetes_api: Api) -> None:
    text = json.dumps(DEPLOYMENT)
    command = ("apply", "--server-side", "-f", "-")
    done = kubectl(*command, "--field-manager=kubeloop-deploy", given=text)
    assert done.stdout == "deployment.apps/web serverside-applied\n"
    other = text.replace('"replicas": 2', '"replicas": 5')
    refused = kubectl(*command, given=other)
    assert refused.returncode == 1
    assert 'conflict with "kubeloop-deploy": .spec.replicas' in refused.stderr
    assert kubectl(*command, "--force-conflicts", given=other).returncode == 0
    assert kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}").stdout == "5"


def test_kubectl_waits_for_a_condition(kubernetes_api: Api) -> None:
    kubernetes_api.put(DEPLOYMENT)
    late = kubectl("wait", "--for=condition=Available", "deploy/web", "--timeout=100ms")
    assert "timed out waiting for the condition" in late.stderr
    command = ["kubectl", "wait", "--for=condition=Available", "deploy/web", "--timeout=60s"]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    kubernetes_api.on_call(
        lambda _: kubernetes_api.put(
            {**DEPLOYMENT, "status": {"conditions": [{"type": "Available", "status": "True"}]}}
        ),
        moment="answered",
        verbs=["get", "list"],
    )
    assert waiting.communicate(timeout=60)[0] == "deployment.apps/web condition met\n"


def test_kubectl_can_i_asks_for_rights(kubernetes_api: Api) -> None:
    kubernetes_api.permit(ROLE, namespace="default")
    assert kubectl("auth", "can-i", "patch", "leases").stdout == "yes\n"
    assert kubectl("auth", "can-i", "delete", "leases").stdout.startswith("no")
    assert kubectl("auth", "can-i", "patch", "leases", "-n", "other").stdout.startswith("no")
    listed = kubectl("auth", "can-i", "--list").stdout
    assert "leases.coordination.k8s.io" in listed


def test_kubectl_knows_the_server_and_its_kinds(kubernetes_api: Api, tmp_path: Path) -> None:
    kubernetes_api.register("example.org", "v1", "things", "Thing")
    assert "Server Version: v1.33.0" in kubectl("version").stdout
    assert "things" in kubectl("api-resources", "--api-group=example.org").stdout
    refused = kubectl("get", "nothings")
    assert refused.stderr == 'error: the server doesn\'t have a resource type "nothings"\n'

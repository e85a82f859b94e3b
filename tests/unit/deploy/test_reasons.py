"""What is told of why a version does not come up: without what looks like a secret."""

from typing import Any

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.pace import Patience
from components.deploy.kserve.reasons import clean, explain, explain_restart, kept
from components.deploy.kserve.variants import Variant
from tests.kubernetes_api import Api

QUICK = Patience(first_wait_s=0.001)
VARIANT = Variant("churn", "v2", 2, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api_key=sk-123456789 is wrong", "api_key=*** is wrong"),
        ("apikey: hunter2", "apikey: ***"),
        ("AccountKey=hunter2==;EndpointSuffix=core", "AccountKey=***;EndpointSuffix=core"),
        ("https://x.blob.core/y?sv=1&sig=AbC%2F&se=2", "https://x.blob.core/y?sv=1&sig=***&se=2"),
        ("pwd=hunter2", "pwd=***"),
        ("Authorization: token ghp_abcdefgh12345678", "Authorization: token ***"),
        ("Authorization: AWS4 hunter2 denied", "Authorization: *** denied"),
        ('{"Authorization": "Basic aHVudGVyMg=="}', '{"Authorization": "Basic ***"}'),
        ("cloning https://ghp_ab@github.com/x", "cloning https://***@github.com/x"),
        ("redis://:hunter2@host/0", "redis://***:***@host/0"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd\n", "***"),
        ("a -----BEGIN PRIVATE KEY----- MIIE -----END PRIVATE KEY----- b", "a *** b"),
        (f"{'Ab1/' * 16}\nMIIE==\n-----END PRIVATE KEY-----", "*** ***"),
        ("password=ab&cd;ef,gh is wrong", "password=*** is wrong"),
        ("password=ab&cd&user=ann", "password=***&user=ann"),
        ("password=ab, user=ann", "password=***, user=ann"),
        ('password="a b; c" is wrong', 'password="***" is wrong'),
        ("password 'hunter2' is wrong", "password *** is wrong"),
        ("hf_abcdefghijklmnop was revoked", "*** was revoked"),
    ],
)
def test_clean_hides_the_whole_of_a_credential(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'secret "minio-creds" not found',
        "signal: killed, sigma: 3",
        f"image ghcr.io/a/b@sha256:{'0123456789abcdef' * 4} not found",
        "s3://bucket/a@b/model: no such key",
    ],
    ids=["secret-is-missing", "sig", "digest", "at-sign-in-a-path"],
)
def test_clean_lets_through_what_is_none(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[2J\x1b[31mno memory\x1b[0m", "no memory"),
        ("\x1b]0;title\x07no memory", "no memory"),
        ("a\x07b\x00c\x9b2Jd", "abcd"),
        ("10 %\r20 %\tdone\u2028end", "10 % 20 % done end"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("pass\x00word=hunter2", "password=***"),
        ("\x1b[1mpassword\x1b[0m=hunter2", "password=***"),
    ],
    ids=["colours", "title", "control", "white-space", "right-to-left", "hides", "paints"],
)
def test_clean_leaves_nothing_that_a_terminal_would_obey(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_kept_reason_is_longer_than_a_line_and_has_an_end() -> None:
    assert kept("a b " * 500) == ("a b " * 500).strip()
    assert len(kept("ab" * 5000)) == 4001


def test_explain_without_a_log_still_says_the_reason(kubernetes_api: Api) -> None:
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {"containers": [{"name": "kserve-container"}]},
        "status": {"containerStatuses": [{"name": "kserve-container", "state": state}]},
    }
    kubernetes_api.put(pod)
    kubernetes_api.fail("get", "/pods/a/log", status=403, times=-1, message="forbidden: no logs")
    said = explain(connect(QUICK), "default", VARIANT, [pod]).text
    assert "container 'kserve-container' crashes: CrashLoopBackOff: back-off" in said
    assert "its log cannot be read (cannot get pods/log" in said
    assert "forbidden: no logs" in said


def put_event(
    api: Api, about: dict[str, Any], reason: str, at: str, *, uid: str = "", kind: str = "Warning"
) -> None:
    metadata = about["metadata"]
    involved = {"kind": "Pod", "name": metadata["name"], "uid": uid or metadata["uid"]}
    api.put(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{reason}", "namespace": "default"},
            "involvedObject": involved,
            "reason": reason,
            "message": f"said at {at}",
            "type": kind,
            "lastTimestamp": f"2026-11-21T10:{at}Z",
        }
    )


@pytest.fixture
def pod(kubernetes_api: Api) -> dict[str, Any]:
    """One that is not ready, and whose status says nothing of it."""
    kubernetes_api.put(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "a", "namespace": "default"},
            "spec": {"containers": [{"name": "kserve-container"}]},
            "status": {"phase": "Running"},
        }
    )
    found = kubernetes_api.get("Pod", "a", "default")
    assert found is not None
    return found


def test_explain_quotes_the_newest_warnings_first(kubernetes_api: Api, pod: dict[str, Any]) -> None:
    for reason, at in (("Third", "00:30"), ("Oldest", "00:00"), ("Newest", "01:00")):
        put_event(kubernetes_api, pod, reason, at)
    put_event(kubernetes_api, pod, "Second", "00:40")
    put_event(kubernetes_api, pod, "Started", "02:00", kind="Normal")
    said = explain(connect(QUICK), "default", VARIANT, [pod]).text
    assert said == (
        "pod 'a' is not ready; events: Newest: said at 01:00; Second: said at 00:40; "
        "Third: said at 00:30"
    )


def test_explain_quotes_no_event_of_another_pod_that_had_the_name(
    kubernetes_api: Api, pod: dict[str, Any]
) -> None:
    put_event(kubernetes_api, pod, "Evicted", "01:00", uid="of-the-one-before")
    assert explain(connect(QUICK), "default", VARIANT, [pod]).text == "pod 'a' is not ready"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"waiting": {"reason": "CrashLoopBackOff"}}, "crashes: CrashLoopBackOff (exit code 2)"),
        ({"running": {}}, "crashed and began anew (exit code 2)"),
    ],
    ids=["waits", "runs-again"],
)
def test_explain_quotes_the_log_of_the_life_that_ended(
    kubernetes_api: Api, pod: dict[str, Any], state: dict[str, Any], said: str
) -> None:
    status = {
        "name": "kserve-container",
        "restartCount": 1,
        "state": state,
        "lastState": {"terminated": {"exitCode": 2}},
    }
    crashed = pod | {"status": {"containerStatuses": [status]}}
    kubernetes_api.server.read_log = lambda pod, container, previous: (
        "no memory" if previous else "starting"
    )
    text = explain_restart(connect(QUICK), "default", crashed)
    assert text == f"pod 'a': container 'kserve-container' {said}; its log ends: no memory"


def test_explain_of_a_restart_of_which_no_status_tells_the_end_says_what_is_known(
    kubernetes_api: Api, pod: dict[str, Any]
) -> None:
    put_event(kubernetes_api, pod, "Unhealthy", "01:00")
    assert explain_restart(connect(QUICK), "default", pod) == (
        "a container of pod 'a' crashed and began anew; events: Unhealthy: said at 01:00"
    )

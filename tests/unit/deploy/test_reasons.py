"""What is told of why a version does not come up: without what looks like a secret."""

import pytest

from components.deploy.kserve.cluster_connection import connect
from components.deploy.kserve.reasons import clean, explain
from components.deploy.kserve.variants import Variant
from tests.kubernetes_api import Api

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
    said = explain(connect(0.001), "default", VARIANT, [pod]).text
    assert "container 'kserve-container' crashes: CrashLoopBackOff: back-off" in said
    assert "its log cannot be read (cannot get pods/log" in said
    assert "forbidden: no logs" in said

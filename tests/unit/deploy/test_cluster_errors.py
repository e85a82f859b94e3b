"""What an API server refuses, as a sentence."""

import json

import pytest

from components.deploy.kserve.cluster_errors import names_what_is_missing, refusal, retry_after
from components.deploy.kserve.cluster_resources import INFERENCE_SERVICES, PODS, SERVICES, Call
from components.deploy.kserve.reasons import clean

PATCH = Call("patch", INFERENCE_SERVICES, "models", "churn")
LOG = Call("get", PODS, "models", "churn-1", "log")
PROXY = Call("create", SERVICES, "models", "churn-predictor:80", "proxy")


def status(message: str, reason: str = "", **details: object) -> str:
    document = {"kind": "Status", "message": message, "reason": reason, "details": details}
    return json.dumps(document)


@pytest.mark.parametrize(
    ("call", "code", "body", "said"),
    [
        (LOG, 401, status("Unauthorized"), "credentials are missing or have expired"),
        (
            LOG,
            403,
            status("pods/log is forbidden"),
            "cannot get pods/log 'churn-1' in namespace 'models': pods/log is forbidden; the Role "
            "model-deployer (manifests/base/access/role.yaml) grants get on pods/log",
        ),
        (
            PROXY,
            403,
            status("services/proxy is forbidden"),
            "services/proxy is forbidden; no Role of Kubeloop's grants that",
        ),
        (PATCH, 404, "404 page not found", "either KServe is not installed in this cluster or"),
        (PATCH, 200, "<html>Sign in</html>", "an answer that is none of Kubernetes: a page"),
    ],
    ids=["expired", "forbidden", "forbidden-to-a-person", "no-such-kind", "login-page"],
)
def test_refusal_says_what_to_do(call: Call, code: int, body: str, said: str) -> None:
    assert said in str(refusal(call, code, body))


@pytest.mark.parametrize(
    "message",
    [
        'admission webhook "validator" denied the request: canary "v2" must not set maxReplicas',
        'pods "a" is forbidden: exceeded quota: compute',
    ],
    ids=["admission", "quota"],
)
def test_refusal_that_is_none_of_the_roles_does_not_name_it(message: str) -> None:
    said = str(refusal(PATCH, 403, status(message, "Forbidden")))
    assert message in said
    assert "Role" not in said


def test_refusal_keeps_reason_and_causes() -> None:
    causes = [{"field": ".spec.predictor.minReplicas", "message": 'conflict with "kubectl-edit"'}]
    error = refusal(PATCH, 409, status("conflict", "Conflict", causes=causes))
    assert (error.status, error.reason) == (409, "Conflict")
    assert error.causes == ('.spec.predictor.minReplicas: conflict with "kubectl-edit"',)


@pytest.mark.parametrize(
    ("code", "body", "header", "expected"),
    [
        (429, "{}", "7", 7),
        (429, status("", retryAfterSeconds=3), None, 3),
        (503, "oops", None, 0),
        (503, "oops", "Sat, 21 Nov 2026 10:00:00 GMT", 0),
        (409, "{}", "7", 0),
    ],
    ids=["header", "body", "silent", "date", "no-wait"],
)
def test_retry_after_is_what_the_server_asks(
    code: int, body: str, header: str | None, expected: float
) -> None:
    assert retry_after(code, body, header) == expected


def test_names_what_is_missing_tells_a_resource_from_a_kind() -> None:
    assert names_what_is_missing(status("not found", "NotFound", name="churn"))
    assert not names_what_is_missing("404 page not found")
    assert not names_what_is_missing(status("the server could not find the requested resource"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/key not found", "s3://bucket/key not found"),
        ("GET https://user:pass@host/a", "GET https://***:***@host/a"),
        ("AKIAIOSFODNN7EXAMPLE denied", "*** denied"),
        ("x-amz-security-token=abc&b=1", "x-amz-security-token=***&b=1"),
        ('{"password": "hunter2", "a": 1}', '{"password": "***", "a": 1}'),
        ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"),
        ("one\n\ttwo", "one two"),
    ],
)
def test_clean_leaves_credentials_out(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_clean_bounds_the_length() -> None:
    assert len(clean("a" * 10_000)) == 301

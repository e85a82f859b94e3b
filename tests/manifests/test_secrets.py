"""`secrets.sh` with the real kubectl against an API server on loopback."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.manifests.pods import pods
from tests.manifests.rendered import MANIFESTS, Document, needs_kubectl, of_kind, overlay
from tests.manifests.secrets_api import Api, serving

pytestmark = needs_kubectl

SCRIPT = MANIFESTS / "overlays" / "kind" / "secrets.sh"


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as server:
        server.put("kubeflow", "mlpipeline-minio-artifact", accesskey="minio", secretkey="a=b c")
        yield server


@pytest.fixture
def run(api: Api, tmp_path: Path) -> "Run":
    cluster = {"name": "c", "cluster": {"server": api.address}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "contexts": [context],
        "users": [{"name": "u", "user": {}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config), encoding="utf-8")
    return Run(tmp_path)


class Run:
    """Runs the script in a home of its own, so that kubectl caches nothing elsewhere."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self) -> subprocess.CompletedProcess[str]:
        shell = shutil.which("sh")
        assert shell is not None
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "KUBECONFIG": str(self.home / "config"),
        }
        return subprocess.run(
            [shell, str(SCRIPT)], env=environment, capture_output=True, text=True, check=False
        )


def test_secrets_fresh_cluster_gets_keys_and_passwords(api: Api, run: Run) -> None:
    done = run()
    assert done.returncode == 0, done.stderr
    assert api.values("kubeloop", "object-store") == {
        "AWS_ACCESS_KEY_ID": "minio",
        "AWS_SECRET_ACCESS_KEY": "a=b c",
    }
    database = api.values("kubeloop", "tracking-database")
    assert re.fullmatch(r"[0-9a-f]{64}", database["password"])
    assert database["uri"] == (
        f"postgresql+psycopg://mlflow:{database['password']}@postgresql:5432/mlflow"
    )
    token = api.values("kubeloop", "monitor-webhook")["token"]
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert token != database["password"]


def test_secrets_let_runs_read_what_was_uploaded_and_leave_keys_of_ones_own(
    api: Api, run: Run
) -> None:
    run()
    assert api.values("kubeflow", "kubeloop-sources") == {
        "AWS_ACCESS_KEY_ID": "minio",
        "AWS_SECRET_ACCESS_KEY": "a=b c",
        "AWS_ENDPOINT_URL": "http://seaweedfs.kubeflow:9000",
    }
    api.put("kubeflow", "kubeloop-sources", AWS_ACCESS_KEY_ID="mine")
    done = run()
    assert done.returncode == 0, done.stderr
    assert "secret/kubeloop-sources is there and stays" in done.stdout
    assert api.values("kubeflow", "kubeloop-sources") == {"AWS_ACCESS_KEY_ID": "mine"}


def test_secrets_let_runs_fetch_bundles_and_follow_the_store(api: Api, run: Run) -> None:
    run()
    api.put("kubeflow", "mlpipeline-minio-artifact", accesskey="new", secretkey="newer")
    done = run()
    assert done.returncode == 0, done.stderr
    assert api.values("kubeflow", "kubeloop-bundles") == {
        "AWS_ACCESS_KEY_ID": "new",
        "AWS_SECRET_ACCESS_KEY": "newer",
        "AWS_ENDPOINT_URL": "http://seaweedfs.kubeflow:9000",
    }


def test_secrets_say_no_value(api: Api, run: Run) -> None:
    done = run()
    said = done.stdout + done.stderr
    values = [v for name in ("object-store", "tracking-database", "monitor-webhook")
              for v in api.values("kubeloop", name).values()]  # fmt: skip
    assert [value for value in values if value in said] == []


def test_secrets_again_keeps_passwords_and_follows_the_store(api: Api, run: Run) -> None:
    run()
    kept = {name: api.values("kubeloop", name) for name in ("tracking-database", "monitor-webhook")}
    api.put("kubeflow", "mlpipeline-minio-artifact", accesskey="new", secretkey="newer")
    done = run()
    assert done.returncode == 0, done.stderr
    assert kept == {name: api.values("kubeloop", name) for name in kept}
    assert "secret/tracking-database is there and stays" in done.stdout
    assert api.values("kubeloop", "object-store")["AWS_ACCESS_KEY_ID"] == "new"


def test_secrets_apply_the_store_as_another_manager(api: Api, run: Run) -> None:
    """The overlay owns the annotations and applies as kubectl; neither resets the other."""
    run()
    assert api.calls[0] == "apply kubeloop/object-store by kubeloop-secrets"


def test_secrets_without_pipelines_change_nothing(api: Api, run: Run) -> None:
    del api.secrets["kubeflow", "mlpipeline-minio-artifact"]
    done = run()
    assert done.returncode != 0
    assert "mlpipeline-minio-artifact" in done.stderr
    assert api.calls == []


def test_secrets_where_asking_fails_keep_the_password(api: Api, run: Run) -> None:
    run()
    kept = api.values("kubeloop", "tracking-database")
    api.broken.add(("kubeloop", "tracking-database"))
    done = run()
    assert done.returncode != 0
    assert "etcd is away" in done.stderr
    assert api.values("kubeloop", "tracking-database") == kept


def keys_that_pods_read(documents: list[Document]) -> Iterator[tuple[str, str, bool]]:
    """Secret, key, and whether a pod does without it."""
    for pod in pods(documents):
        for container in pod.containers:
            for variable in container.get("env", []):
                if key := variable.get("valueFrom", {}).get("secretKeyRef"):
                    yield key["name"], key["key"], key.get("optional", False)
        for volume in pod.spec.get("volumes", []):
            if secret := volume.get("secret"):
                for item in secret["items"]:
                    yield secret["secretName"], item["key"], secret.get("optional", False)


def test_secrets_are_the_ones_that_the_overlay_names(api: Api, run: Run) -> None:
    """Every key that a pod or Alertmanager reads is made, and what a trial does without is not."""
    run()
    read = set(keys_that_pods_read(overlay("kind")))
    (config,) = (
        d
        for d in of_kind(overlay("kind"), "AlertmanagerConfig")
        if d["metadata"]["name"] == "kubeloop"
    )
    token = config["spec"]["receivers"][0]["webhookConfigs"][0]["httpConfig"]["authorization"]
    shown = (token["credentials"]["name"], token["credentials"]["key"])
    assert {(name, key) for name, key, optional in read if not optional} == {
        ("tracking-database", "uri"),
        ("tracking-database", "password"),
        shown,
    }, "what Alertmanager shows is what the monitor knows"
    optional = {(name, key) for name, key, without in read if without}
    assert optional == {("monitor-notify", "url")}
    made = {(name, key) for name, key, without in read if not without}
    assert [(n, k) for n, k in sorted(made) if k not in api.values("kubeloop", n)] == []
    assert ("kubeloop", "monitor-notify") not in api.secrets


def test_secrets_that_pods_of_production_read_are_said_in_its_comments() -> None:
    text = (MANIFESTS / "overlays" / "production" / "kustomization.yaml").read_text("utf-8")
    for name, key, _ in keys_that_pods_read(overlay("production")):
        assert re.search(rf"(?m)^#   Secret {name} +{key}: ", text), (name, key)

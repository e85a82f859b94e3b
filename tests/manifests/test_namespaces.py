"""The overlay of kind in another namespace, as the tests of a real cluster install it."""

from pathlib import Path

import pytest

from tests.cluster.kubernetes import manifests
from tests.manifests.rendered import (
    MANIFESTS,
    ROOT,
    load,
    needs_kubectl,
    of_kind,
    render,
    strings,
    title,
)

pytestmark = needs_kubectl


@pytest.mark.parametrize("registry", ["", "registry.example.org/ml"], ids=["local", "pushed"])
def test_overlay_in_another_namespace_touches_no_other(tmp_path: Path, registry: str) -> None:
    documents = load(render(manifests(tmp_path, ROOT, "team-a", registry)))
    before = load(render(MANIFESTS / "overlays" / "kind"))
    spaces = {d["metadata"].get("namespace", d["metadata"]["name"]) for d in documents}
    assert spaces == {"team-a"}
    # The rest belongs to no namespace, or to Grafana's.
    missing = {title(d) for d in before} - {title(d) for d in documents}
    assert missing == {
        "Namespace/kubeloop",
        "ClusterStorageContainer/kubeloop",
        "ConfigMap/kubeloop-dashboards",
    }
    (config,) = (
        d for d in of_kind(documents, "AlertmanagerConfig") if d["metadata"]["name"] == "kubeloop"
    )
    assert "http://monitor.team-a.svc:9091/alerts" in dict(strings(config)).values()
    images = {text for d in documents for path, text in strings(d) if path.endswith("/image")}
    ours = {image for image in images if "kubeloop/" in image}
    assert all(
        image.startswith(f"{registry}/kubeloop/" if registry else "kubeloop/") for image in ours
    )
    assert len(ours) == 4

"""The manifests by which a cluster knows a pipeline."""

import json
import re
from typing import Any

import pytest
import yaml

from pipelines.compile import Pipeline, compile_native, compile_pipeline, version_name

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def native(which: Pipeline, revision: str = COMMIT) -> tuple[dict[str, Any], dict[str, Any]]:
    pipeline, version = yaml.safe_load_all(compile_native(which, revision, "kubeflow"))
    return pipeline, version


@pytest.mark.parametrize("which", list(Pipeline))
def test_native_is_a_pipeline_and_its_version(which: Pipeline) -> None:
    pipeline, version = native(which)
    for document, kind in ((pipeline, "Pipeline"), (version, "PipelineVersion")):
        assert (document["apiVersion"], document["kind"]) == (
            "pipelines.kubeflow.org/v2beta1",
            kind,
        )
        assert document["metadata"]["namespace"] == "kubeflow"
        assert document["metadata"]["labels"]["app.kubernetes.io/part-of"] == "kubeloop"
    name = f"kubeloop-{which}"
    assert pipeline["metadata"]["name"] == version["spec"]["pipelineName"] == name
    assert version["metadata"]["name"] == f"{name}-{COMMIT}"
    assert version["spec"]["displayName"] == COMMIT


@pytest.mark.parametrize("which", list(Pipeline))
def test_native_holds_both_documents_of_the_ir(which: Pipeline) -> None:
    ir, platform = yaml.safe_load_all(compile_pipeline(which, COMMIT))
    spec = native(which)[1]["spec"]
    assert spec["pipelineSpec"] == ir
    assert spec["platformSpec"] == platform


@pytest.mark.parametrize("which", list(Pipeline))
def test_native_is_what_kfp_runs(which: Pipeline) -> None:
    from kfp import components

    spec = native(which)[1]["spec"]
    text = yaml.safe_dump_all([spec["pipelineSpec"], spec["platformSpec"]])
    loaded = components.load_component_from_text(text)
    assert loaded.name == f"kubeloop-{which}"
    furnished = loaded.platform_spec.platforms["kubernetes"].deployment_spec.executors
    assert furnished.keys() == spec["pipelineSpec"]["deploymentSpec"]["executors"].keys()


def test_native_fits_into_what_kubectl_apply_keeps_of_it() -> None:
    """In an annotation, and all annotations of an object together hold 256 KiB (validation.go)."""
    for which in Pipeline:
        for document in native(which):
            assert len(json.dumps(document)) < 200 * 2**10


def test_native_names_are_kubernetes_names_and_one_for_each_revision() -> None:
    revisions = [COMMIT, "source-0123456789ab", "v1.2.3", "v1-2-3", "V1.2.3", "a" * 128, "a" * 127]
    revisions += ["main/feature", "main-feature", "1+dirty"]
    names = [native(Pipeline.SCORING, revision)[1]["metadata"]["name"] for revision in revisions]
    assert len(set(names)) == len(revisions)
    plain = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
    assert [name for name in names if not plain.fullmatch(name)] == []
    assert names[:2] == [f"kubeloop-scoring-{r}" for r in revisions[:2]]
    assert native(Pipeline.SCORING, "v1.2.3")[1]["metadata"]["name"] == names[2]


def test_version_name_another_image_is_another_version_of_the_same_revision() -> None:
    images = [
        "",
        "registry.example.com/kubeloop/pipeline:0.1.0",
        "other.example.com/pipeline:0.1.0",
    ]
    names = [version_name(Pipeline.TRAINING, "a" * 128, image) for image in images]
    assert len(set(names)) == 3
    assert max(map(len, names)) <= 63
    documents = yaml.safe_load_all(compile_native(Pipeline.TRAINING, "a" * 128, "ns", images[1]))
    assert [document["metadata"]["name"] for document in documents][1] == names[1]

"""The training pipeline on Kubeflow Pipelines: one version for each revision of the code.

A version is named as `kubeloop compile --native` names it, so that one which `kubectl apply` made
is found too. KFP lets nobody change a version, so what is there under the name is what would be
uploaded; another image makes another name.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipelines.compile import Pipeline, compile_pipeline, version_name
from pipelines.kubeflow.client import Kubeflow, named
from pipelines.kubeflow.errors import KubeflowError, MissingError, TakenError


@dataclass(frozen=True)
class Uploaded:
    """A version of a pipeline that is there.

    Attributes:
        pipeline: KFP's id of the pipeline.
        version: KFP's id of the version.
        name: of the version.
        new: whether it was uploaded just now.
    """

    pipeline: str
    version: str
    name: str
    new: bool


def ensure_pipeline(
    kubeflow: Kubeflow, which: Pipeline, revision: str, image: str = ""
) -> Uploaded:
    """Finds the version of a code revision, or uploads it.

    Args:
        kubeflow: where.
        which: the pipeline.
        revision: of the code.
        image: that its tasks run in; empty for this version's, without a registry.

    Returns:
        The version.

    Raises:
        KubeflowError: it can be neither found nor uploaded.
        CompileError: the pipeline cannot be compiled.
    """
    name = version_name(which, revision, image)
    pipeline = find_pipeline(kubeflow, which) or _create_pipeline(kubeflow, which)
    found = _find_version(kubeflow, pipeline, name)
    if found:
        return Uploaded(pipeline, found, name, new=False)
    text = compile_pipeline(which, revision, image)
    try:
        made = _upload(kubeflow, pipeline, name, revision, text)
    except KubeflowError as exc:
        # Somebody else may have uploaded it meanwhile, or the answer was lost on its way.
        found = kubeflow.find_made(exc, lambda: _find_version(kubeflow, pipeline, name))
        return Uploaded(pipeline, found, name, new=False)
    return Uploaded(pipeline, made, name, new=True)


def find_pipeline(kubeflow: Kubeflow, which: Pipeline) -> str | None:
    """Finds a pipeline's id by its name; None where it was never uploaded.

    Raises:
        KubeflowError: it cannot be asked for.
    """
    what = f"find the pipeline {which.full_name!r}"
    try:
        found = kubeflow.call(
            what,
            "pipelines.pipeline_service_get_pipeline_by_name",
            name=which.full_name,
            **kubeflow.scope,
        )
    except MissingError:
        return None
    return kubeflow.identity(what, found.pipeline_id)


def _create_pipeline(kubeflow: Kubeflow, which: Pipeline) -> str:
    what = f"create the pipeline {which.full_name!r}"
    wanted = kubeflow.models.V2beta1Pipeline(
        name=which.full_name, display_name=which.full_name, namespace=kubeflow.namespace or None
    )
    try:
        made = kubeflow.call(what, "pipelines.pipeline_service_create_pipeline", pipeline=wanted)
    except TakenError:
        found = find_pipeline(kubeflow, which)
        if found is None:
            raise
        return found
    return kubeflow.identity(what, made.pipeline_id)


def _find_version(kubeflow: Kubeflow, pipeline: str, name: str) -> str | None:
    what = f"find the pipeline's version {name!r}"
    found = kubeflow.call(
        what,
        "pipelines.pipeline_service_list_pipeline_versions",
        pipeline_id=pipeline,
        filter=named(name, "name"),
    )
    versions = found.pipeline_versions or []
    return kubeflow.identity(what, versions[0].pipeline_version_id) if versions else None


def _upload(kubeflow: Kubeflow, pipeline: str, name: str, revision: str, text: str) -> str:
    what = f"upload the pipeline's version {name!r}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.yaml")
        path.write_text(text, encoding="utf-8")
        made = kubeflow.call(
            what,
            "pipeline_uploads.upload_pipeline_version",
            uploadfile=str(path),
            name=name,
            display_name=revision,
            pipelineid=pipeline,
        )
    return kubeflow.identity(what, made.pipeline_version_id)

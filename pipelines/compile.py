"""Compiles the pipelines: to IR YAML, or to the manifests by which a cluster knows them.

The IR is the same for all specs. The code revision that compiled it is put before the text of every
component: KFP's cache key holds a task's image, command, arguments and inputs, and neither its
environment nor the code inside an image (`GenerateCacheKey` in backend/src/v2/cacheutils/cache.go
of 2.17.0). There it is an expectation, which the task compares with its image's own code; bundles,
lineage and metrics state what the image says of itself.
"""

import hashlib
import re
import tempfile
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from components.errors import KubeloopError
from components.revision import REVISION_VARIABLE, VERSION
from pipelines.references import find_dangling

# Such as a commit, a tag, or `source-0123456789ab`.
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,127}")
# With the longest pipeline's name before it, a name of at most 63 characters.
_LONGEST_SUFFIX = 40
# What kfp writes of an exit task.
_EXIT = "ALL_UPSTREAM_TASKS_COMPLETED"


class CompileError(KubeloopError):
    """A pipeline cannot be compiled, or refers to something that it does not hold."""


class Pipeline(StrEnum):
    """The pipelines that there are."""

    TRAINING = "training"
    SCORING = "scoring"

    @property
    def full_name(self) -> str:
        """Its name on a cluster."""
        return f"kubeloop-{self.value}"


def compile_training(revision: str) -> str:
    """Compiles the training pipeline; see `compile_pipeline`."""
    return compile_pipeline(Pipeline.TRAINING, revision)


def compile_pipeline(which: Pipeline, revision: str, image: str = "") -> str:
    """Compiles a pipeline.

    Args:
        which: the pipeline.
        revision: the code revision that is compiled; the tasks refuse to run at another.
        image: the image that they run in; empty for this version's, without a registry.

    Returns:
        IR YAML in two documents, the pipeline and what Kubernetes is told of its pods; the same
        text for the same code and revision.

    Raises:
        CompileError: a reference in the IR leads nowhere, or the revision is none.
    """
    head, documents = _compile(which)
    pipeline, platform = documents
    _finish(pipeline, platform, revision, image)
    return head + _dump(pipeline, platform)


def compile_native(which: Pipeline, revision: str, namespace: str, image: str = "") -> str:
    """Compiles a pipeline to what `kubectl apply` takes where KFP keeps pipelines in Kubernetes.

    Args:
        which: the pipeline.
        revision: as for `compile_pipeline`; it names the version.
        namespace: where KFP looks for pipelines.
        image: as for `compile_pipeline`.

    Returns:
        A `Pipeline` and its `PipelineVersion`, which KFP lets nobody change once it is there:
        another revision or image is another version.

    Raises:
        CompileError: as for `compile_pipeline`.
    """
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    options = KubernetesManifestOptions(
        pipeline_name=which.full_name,
        pipeline_version_name=version_name(which, revision, image),
        pipeline_version_display_name=revision,
        namespace=namespace,
        include_pipeline_manifest=True,
    )
    _, documents = _compile(
        which, kubernetes_manifest_format=True, kubernetes_manifest_options=options
    )
    _, version = documents
    _finish(version["spec"]["pipelineSpec"], version["spec"]["platformSpec"], revision, image)
    for document in documents:
        document["metadata"]["labels"] = {
            "app.kubernetes.io/name": which.full_name,
            "app.kubernetes.io/component": "pipeline",
            "app.kubernetes.io/part-of": "kubeloop",
            "app.kubernetes.io/version": VERSION,
        }
    return _dump(*documents)


def version_name(which: Pipeline, revision: str, image: str = "") -> str:
    """Names the version of a pipeline: as Kubernetes takes it, and one for a revision and image.

    KFP lets nobody change a version, so that another image needs another name.
    """
    if not image:
        return f"{which.full_name}-{_suffix(revision, _LONGEST_SUFFIX)}"
    digest = hashlib.sha256(image.encode()).hexdigest()[:8]
    return f"{which.full_name}-{_suffix(revision, _LONGEST_SUFFIX - 9)}-{digest}"


def _compile(which: Pipeline, **options: Any) -> tuple[str, list[dict[str, Any]]]:
    """Has kfp write the file; returns the comment before it and its documents."""
    from kfp import compiler

    pipeline = getattr(import_module(f"pipelines.{which}"), which)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{which}.yaml")
        compiler.Compiler().compile(pipeline, str(path), **options)
        head, body = _split_comment(path.read_text(encoding="utf-8"))
    return head, list(yaml.safe_load_all(body))


def _finish(pipeline: dict[str, Any], platform: dict[str, Any], revision: str, image: str) -> None:
    """Writes image and expected revision into every executor, and checks what kfp does not.

    Raises:
        CompileError: a reference leads nowhere, or the revision is none.
    """
    if not _REVISION.fullmatch(revision):
        msg = (
            f"the code revision {revision!r} cannot be written into a pipeline: expected up to 128 "
            f"letters, digits and ._+/-; set {REVISION_VARIABLE}"
        )
        raise CompileError(msg)
    last = _exit_executors(pipeline)
    for label, executor in pipeline["deploymentSpec"]["executors"].items():
        container = executor["container"]
        container["image"] = image or container["image"]
        if label not in last:
            container["command"][-1] = (
                "from components.execution import require_revision\n\n"
                f"require_revision({revision!r}, {container['image']!r})\n"
                f"{container['command'][-1]}"
            )
    dangling = find_dangling(pipeline, platform)
    if dangling:
        msg = f"the compiled pipeline has dangling references: {'; '.join(dangling)}"
        raise CompileError(msg)


def _exit_executors(pipeline: dict[str, Any]) -> set[str]:
    """The executors of the exit tasks, which say how a run ended, also where it was refused."""
    tasks = pipeline["root"]["dag"]["tasks"].values()
    ends = [t for t in tasks if t.get("triggerPolicy", {}).get("strategy") == _EXIT]
    components = [pipeline["components"][t["componentRef"]["name"]] for t in ends]
    return {component["executorLabel"] for component in components}


def _suffix(revision: str, longest: int) -> str:
    """A part of a Kubernetes name for a revision; another for each revision."""
    plain = re.sub(r"[^a-z0-9]+", "-", revision.lower()).strip("-")
    if plain == revision and len(plain) <= longest:
        return plain
    digest = hashlib.sha256(revision.encode()).hexdigest()[:8]
    return f"{plain[: longest - 9].strip('-')}-{digest}"


def _dump(*documents: dict[str, Any]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=True, width=100, allow_unicode=True)


def _split_comment(text: str) -> tuple[str, str]:
    """Separates the comment that lists the pipeline's inputs, which a YAML dump would lose."""
    lines = text.splitlines(keepends=True)
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[:count]), "".join(lines[count:])

"""What came of a run on Kubeflow Pipelines: approved, refused or kept, read from its evaluation.

KFP says whether a run succeeded, and a refused model's run does. The evaluation is an artifact in
the object store. Its folder is known but for one random part, so that it is asked for by prefix:
of Kubeflow's user interface, which hands a folder on as an archive, else of the store itself with
the environment's credentials. Source: provisionOutputs in backend/src/v2/driver/driver.go and
streamDirectoryAsTarGz in frontend/server/handlers/artifacts.ts of Kubeflow Pipelines 2.17.
"""

import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from components.errors import DataError, KubeloopError
from components.evaluation import JUDGEMENT, Evaluation
from components.ingest.objects import copy_object, list_objects
from components.object_store import by_s3
from pipelines.compile import Pipeline
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.errors import MissingError

DEFAULT_ROOT: Final = "minio://mlpipeline/v2/artifacts"
_ARTIFACT: Final = f"evaluation/{JUDGEMENT}"
_MOST_BYTES: Final = 16 << 20


class VerdictError(KubeloopError):
    """The evaluation of a run cannot be read: why not, for each way."""


def read_evaluation(kubeflow: Kubeflow, run: Any, root: str = "") -> Evaluation:
    """Reads what `evaluate` decided in a run.

    Args:
        kubeflow: where it ran.
        run: as the API describes it.
        root: address below which its artifacts lie; empty for what the run says, else KFP's own.

    Returns:
        The evaluation.

    Raises:
        VerdictError: it cannot be read from here.
    """
    stated = run.runtime_config.pipeline_root if run.runtime_config else ""
    place = urlsplit(root or stated or DEFAULT_ROOT)
    name = Pipeline.TRAINING.full_name
    folder = f"{place.path.strip('/')}/{name}/{run.run_id}/evaluate".lstrip("/")
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: _by_pages(kubeflow, place.scheme, place.netloc, folder),
        lambda: _by_store(place.scheme, place.netloc, folder),
    )
    reasons = []
    for way in ways:
        try:
            return Evaluation.model_validate_json(way())
        except ValidationError:
            reasons.append("the evaluation is of another Kubeloop")
        except KubeloopError as exc:
            reasons.append(str(exc).removeprefix("source "))
    raise VerdictError("; ".join(reasons))


def _by_pages(kubeflow: Kubeflow, scheme: str, bucket: str, folder: str) -> bytes:
    """Asks Kubeflow's user interface for the folder and takes the evaluation out of it."""
    path = f"/artifacts/{scheme}/{bucket}/{quote(folder)}"
    none = f"{kubeflow.host} hands on no artifacts, as Kubeflow's user interface does"
    try:
        with kubeflow.stream("read the evaluation", path, kubeflow.scope) as answer:
            try:
                with tarfile.open(fileobj=answer, mode="r|gz") as archive:
                    for member in archive:
                        if member.name.endswith(_ARTIFACT) and member.size <= _MOST_BYTES:
                            file = archive.extractfile(member)
                            return file.read() if file else b""
            except (tarfile.TarError, EOFError, OSError) as exc:
                raise VerdictError(none) from exc
    except MissingError as exc:
        raise VerdictError(none) from exc
    msg = f"{kubeflow.host} has no evaluation of it"
    raise VerdictError(msg)


def _by_store(scheme: str, bucket: str, folder: str) -> bytes:
    """Looks into the object store itself."""
    place = by_s3(f"{scheme}://{bucket}/{folder}")
    if not place.startswith(("s3://", "gs://")):
        msg = f"the store {scheme}:// cannot be read from here"
        raise VerdictError(msg)
    places = list_objects(f"{place}/*/{_ARTIFACT}")
    with TemporaryDirectory(prefix="kubeloop-") as scratch:
        copy = Path(scratch, JUDGEMENT)
        # A task that was tried again has one folder for each try; any of them that is whole holds
        # what the run went on with, because trying again decides the same.
        copy_object(places[-1], copy)
        if copy.stat().st_size > _MOST_BYTES:
            msg = f"{places[-1]!r} is too large for an evaluation"
            raise DataError(msg)
        return copy.read_bytes()

"""What a deployment leaves on record in the cluster, so that the next one can go on or undo.

It is kept in an annotation of the model's Lease. One of the InferenceService would be copied by
KServe to the pods of every variant, and each change of it would restart them all.
"""

from typing import Any, Literal

from pydantic import AwareDatetime, ValidationError

from components.errors import DeployError
from components.signature import Frozen

ANNOTATION = "kubeloop/rollout"
# `first`: the model's first version comes up. `rolling`: a candidate stands beside the stable one.
# `moving`: the candidate becomes the stable one. `restoring`: the last good one is put back.
Phase = Literal["", "first", "rolling", "moving", "restoring"]


class Good(Frozen):
    """The last good version, as it was served.

    Attributes:
        version: as registered; 0 where its pods carried no label of it.
        predictor: `spec.predictor` of the InferenceService before the deployment touched it.
    """

    version: int
    predictor: dict[str, Any]


class Journal(Frozen):
    """Where a deployment of a model stands.

    Attributes:
        phase: empty where none is under way.
        version: that is, or was last, deployed; 0 for none.
        newest: the highest version that was ever stable: an older one may only come by a rollback.
        good: what to put back; None where nothing was served before.
        reason: why the last deployment was put back; empty where it was not.
        carrying: the most pods that were seen to carry the last good version's traffic: what it
            has later, of a part of the traffic, says little.
        since: when the version that is stable came into service; None where it is not known.
        at: when the deployment under way began its phase; None where none is.
    """

    phase: Phase = ""
    version: int = 0
    newest: int = 0
    good: Good | None = None
    reason: str = ""
    carrying: int = 0
    since: AwareDatetime | None = None
    at: AwareDatetime | None = None

    def write(self) -> str:
        """For the annotation; what is as it is by default is left out, as older ones know it."""
        return self.model_dump_json(exclude_defaults=True)


def read_journal(annotations: dict[str, str], lease: str, namespace: str) -> Journal:
    """Reads what the Lease's annotations hold; an empty journal where they hold none.

    Raises:
        DeployError: somebody wrote something else there; names the Lease.
    """
    text = annotations.get(ANNOTATION)
    if not text:
        return Journal()
    try:
        return Journal.model_validate_json(text)
    except ValidationError as exc:
        kubectl = f"lease {lease} --namespace {namespace}"
        msg = (
            f"the annotation {ANNOTATION!r} of the Lease {lease!r} is not what deploy wrote there, "
            f"and no version can be deployed: see it with `kubectl get {kubectl} -o yaml`, and, "
            f"where what is served is right, remove it with `kubectl annotate {kubectl} "
            f"{ANNOTATION}-`"
        )
        raise DeployError(msg) from exc

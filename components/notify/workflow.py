"""How the run ended, by Argo's own account of its workflow where there is one.

KFP hands an exit task the state of the group that it follows, as it stands in KFP's metadata. That
word is not the last: only a task's launcher writes it, when the task ends. By KFP 2.17.0's source
(`UpdateDAGExecutionsState` in backend/src/v2/metadata/client.go) the group stays RUNNING where its
last branch was skipped, as with a refused model, where all candidates came from the cache, and
where a pod was killed; and it stays FAILED where a retry mended the failure. The workflow's nodes
are what Argo acts upon, and a run's ServiceAccount may read them.
"""

import base64
import gzip
import json
import logging
import ssl
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from urllib.request import Request, urlopen

_LOG = logging.getLogger(__name__)
State = Literal["succeeded", "failed", "unknown"]
# Where Kubernetes mounts a pod's ServiceAccount, and the API server's name in every cluster.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API = "https://kubernetes.default.svc"
_TIMEOUT_S = 10.0
# KFP's cluster says COMPLETE where its local runner says SUCCEEDED.
_KFP: dict[str, State] = {"COMPLETE": "succeeded", "SUCCEEDED": "succeeded", "FAILED": "failed"}
# Argo's phases of a node that has ended (workflow_types.go).
_ARGO: dict[str, State] = {"Succeeded": "succeeded", "Failed": "failed", "Error": "failed"}


def find_state(
    word: str, workflow: str, group: str, *, account: Path = ACCOUNT, api: str = API
) -> State:
    """Finds out how the tasks of a group ended.

    Args:
        word: the state that KFP handed over.
        workflow: the run's name, which on a cluster is that of its Argo workflow.
        group: the group's name in the pipeline.
        account: the folder of the pod's ServiceAccount; where there is none, as on a laptop, KFP's
            word is the last.
        api: the Kubernetes API server.

    Returns:
        The state; `unknown` where neither Argo nor KFP tells an end.
    """
    stated = _KFP.get(word, "unknown")
    if not (account / "token").is_file():
        return stated
    try:
        nodes = _read_nodes(workflow, account, api)
    except (OSError, HTTPException, ValueError) as exc:
        # A right that is missing is no reason to keep silent about the run.
        _LOG.warning("workflow %r cannot be read (%s): taking KFP's word %r", workflow, exc, word)
        return stated
    phases = [node.get("phase") for node in nodes if node.get("displayName") == group]
    found = _ARGO.get(str(phases[0])) if phases else None
    if found is None:
        _LOG.warning("workflow %r tells no end of %r: taking KFP's word %r", workflow, group, word)
    return found or stated


def _read_nodes(workflow: str, account: Path, api: str) -> list[dict[str, Any]]:
    """Reads the workflow's nodes; Argo packs them where they are large (hydrator, `compressed`)."""
    namespace = (account / "namespace").read_text(encoding="utf-8").strip()
    token = (account / "token").read_text(encoding="utf-8").strip()
    place = f"namespaces/{quote(namespace)}/workflows/{quote(workflow, safe='')}"
    url = f"{api}/apis/argoproj.io/v1alpha1/{place}"
    request = Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    authority = account / "ca.crt"
    context = ssl.create_default_context(cafile=authority) if authority.is_file() else None
    with urlopen(request, timeout=_TIMEOUT_S, context=context) as answer:  # noqa: S310
        document = json.loads(answer.read())
    status = document.get("status", {}) if isinstance(document, dict) else {}
    if packed := status.get("compressedNodes"):
        status = {"nodes": json.loads(gzip.decompress(base64.b64decode(packed)))}
    return list((status.get("nodes") or {}).values())

"""A version that is to take over on a cluster: what it is, its proof, and what that showed."""

import logging
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from components.deploy.kserve.cluster_errors import ApiError
from components.deploy.kserve.entrance import entrance
from components.deploy.kserve.site import Site
from components.deploy.kserve.telling import Spell
from components.deploy.kserve.variants import Variant
from components.deploy.model_server import CallError
from components.deploy.proving import Ask, prove
from components.proof import Proof

if TYPE_CHECKING:
    from components.bundle import Manifest
    from components.spec import Spec

logger = logging.getLogger(__name__)

Document = dict[str, Any]

# No answer at all, and what stands in between saying that it reaches nobody.
_NOBODY = (0, 502, 503, 504)


@dataclass(frozen=True)
class Newcomer:
    """A version that is to take over.

    Attributes:
        spec: name, sizes, budgets.
        version: as registered.
        rendered: its own InferenceService, complete.
        manifest: of its bundle; None where the bundle cannot be read from here.
        steps: percentages before all of the traffic.
        watched: whether its traffic is watched at each step.
    """

    spec: "Spec"
    version: int
    rendered: Document
    manifest: "Manifest | None"
    steps: tuple[int, ...]
    watched: bool

    @property
    def least(self) -> int:
        """How many pods it has at least."""
        return int(self.rendered["spec"]["predictor"]["minReplicas"])

    @property
    def most(self) -> int:
        """How many pods it has at most."""
        return int(self.rendered["spec"]["predictor"]["maxReplicas"])

    def named(self, name: str) -> Document:
        """Its predictor, under a name of KServe's; empty for none."""
        predictor = dict(self.rendered["spec"]["predictor"])
        return predictor | {"name": name} if name else predictor


def prove_alone(site: Site, new: Newcomer, variant: Variant, ready: list[Document]) -> float:
    """Asks the golden rows of a variant's own Service.

    A Service follows its pods' readiness later, node by node, and refuses connections until then
    (Kubernetes, "Virtual IPs and Service Proxies"): whoever gives no answer is asked again for
    `answer_s`. Other answers, errors and slow ones are not asked for twice, and neither is an API
    server that does not let the rows pass.

    Args:
        site: where.
        new: holds rows, answers and the latency budget.
        variant: whose Service.
        ready: its ready pods.

    Returns:
        The latency of one row, in seconds; 0 where the rows cannot be read from here.

    Raises:
        DeployError: an answer differs, is too slow, or does not come.
    """
    if new.manifest is None:
        return 0.0
    ask, quick = entrance(site.api, site.namespace, variant, ready)
    budget_s = new.spec.serve.latency_ms / 1000 if quick else math.inf
    return prove(_patient(site, ask, variant), new.manifest, budget_s=budget_s)


def _patient(site: Site, ask: Ask, variant: Variant) -> Ask:
    until, spell = time.monotonic() + site.pace.answer_s, Spell(site.say, site.pace)

    def again(rows: list[dict[str, Any]]) -> list[Any]:
        while True:
            site.lease.check()
            try:
                return ask(rows)
            except (ApiError, CallError) as exc:
                if not _passes(exc) or time.monotonic() > until:
                    raise
                logger.info("asking again: %s", exc)
                spell.goes_on(f"the Service {variant.service!r} to answer")
            time.sleep(site.pace.poll_s)

    return again


def _passes(exc: ApiError | CallError) -> bool:
    """Whether a failed call may succeed a moment later."""
    # An API server has a reason for its own errors; the model's, which it passes on, has none.
    own = isinstance(exc, ApiError) and exc.status == 500 and exc.reason
    return exc.status in _NOBODY or bool(own)


def proof_of(
    new: Newcomer, service: Document | None, latency: float, replaced: int | None
) -> Proof:
    """Says what a deployment showed, its Lease held still.

    The endpoint is where KServe says that the model is.
    """
    status = (service or {}).get("status") or {}
    url = status.get("url") or (status.get("address") or {}).get("url") or ""
    return Proof(
        name=new.spec.name,
        version=new.version,
        endpoint=f"{url}/v1/models/{new.spec.name}:predict" if url else "",
        golden_rows=len(new.manifest.golden.rows) if new.manifest else 0,
        latency_seconds=latency,
        replaced=replaced,
        at=datetime.now(UTC),
    )

"""How pods of a version behave."""

from dataclasses import dataclass
from typing import Literal

Behaviour = Literal[
    "ready",  # at once
    "slow",  # ready after `calls` further requests to the API, or after `seconds`
    "never",  # Running, never Ready, no reason given anywhere
    "stuck",  # as never, and the Deployment's Progressing is False: ProgressDeadlineExceeded
    "unpullable",  # ErrImagePull, then ImagePullBackOff; events Failed and BackOff
    "crashing",  # CrashLoopBackOff with `log` and `exit_code` (137: OOMKilled); event BackOff
    "storage",  # the init container storage-initializer fails with `log`
    "quota",  # the Deployment's ReplicaFailure; event FailedCreate: exceeded quota
    "unschedulable",  # PodScheduled False; event FailedScheduling
    "wrong",  # ready; its answers are others than the bundle's
    "erring",  # ready; `ratio` of what traffic it takes is answered 500
    "slow_answers",  # ready; each answer takes `seconds`
    "slow_under_traffic",  # ready; answers take `seconds` in /metrics once it takes traffic
    "hanging",  # ready; `ratio` of what traffic it takes is never finished
    "metrics_gone",  # ready; /metrics answers 404
    "metrics_cut",  # ready; every second answer of /metrics ends before the last bucket
    "metrics_garbage",  # ready; what answers /metrics speaks no HTTP
    "refetched",  # ready; in each pod that comes the init container failed once before
]


@dataclass(frozen=True)
class Conduct:
    """A behaviour with its particulars; see Cluster.behave."""

    behaviour: Behaviour = "ready"
    calls: int = 3
    log: tuple[str, ...] = ()
    exit_code: int = 1
    ratio: float = 0.5
    seconds: float = 0.2

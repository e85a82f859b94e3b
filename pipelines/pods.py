"""What the pod of a task is given on a cluster: sizes, patience, identity, labels and secrets.

kfp-kubernetes writes most of it into the IR's second document, which kfp's local runner leaves
alone. Everything that a namespace may lack is optional: a Secret that is not there leaves its
variables unset, and the task that needs one says so.
"""

from dataclasses import dataclass
from typing import Any

from kfp import dsl, kubernetes
from kfp.dsl.pipeline_channel import PipelineChannel

from components.notify.webhook import ADDRESS_VARIABLE
from components.revision import VERSION

MINUTE = 60
HOUR = 60 * MINUTE
# The user of the project's images.
USER = 65532
# What `components.ingest.privacy` reads; written out, because that module imports Polars.
KEY_FILE = "KUBELOOP_PRIVACY_KEY_FILE"
# The first pause before a retry, doubled with each.
_BACKOFF_S = 30


@dataclass(frozen=True)
class Size:
    """CPU and memory of a pod, each as Kubernetes writes it, or a pipeline parameter that holds it.

    Attributes:
        cpu: the most CPU.
        memory: the most memory.
        cpu_request: the CPU that is kept for it; no more than `cpu`.
        memory_request: the memory that is kept for it; no more than `memory`.
    """

    cpu: str
    memory: str
    cpu_request: str
    memory_request: str


@dataclass(frozen=True)
class Secret:
    """A Secret of the run's namespace, mounted as files and read into variables; both optional.

    Attributes:
        name: the Secret's; also that of its volume, and so at most 63 characters.
        variables: its keys that become variables of the same name.
        renamed: its keys that become variables of another name, each `(key, variable)`.
        files: whether its keys are files too, below `folder`.
    """

    name: str
    variables: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    files: bool = False

    @property
    def folder(self) -> str:
        """Where its keys lie as files."""
        return f"/etc/kubeloop/{self.name.removeprefix('kubeloop-')}"


# What `components.ingest` and `components.score`, and the libraries below them, read. A variable
# that names a file names one of the same Secret.
SOURCES = Secret(
    "kubeloop-sources",
    variables=(
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_PROFILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "FSSPEC_GS_TOKEN",
        "FSSPEC_S3_ANON",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "NETRC",
    ),
    files=True,
)
# What `components.register.stored` reads the champion's bundle with, from the object store in which
# Kubeflow Pipelines keeps artifacts. Sources may lie in another one.
BUNDLES = Secret(
    "kubeloop-bundles",
    variables=(
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
    files=True,
)
# Its key `key` holds the bytes that `privacy: hash` is keyed with.
PRIVACY = Secret("kubeloop-privacy", files=True)
# What MLflow's client reads (mlflow/environment_variables.py).
REGISTRY = Secret(
    "kubeloop-registry",
    variables=("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
)
# Its key `url` is the webhook of runs that name none.
NOTIFY = Secret("kubeloop-notify", renamed=(("url", ADDRESS_VARIABLE),))


def furnish(
    task: dsl.PipelineTask,
    size: Size,
    *,
    deadline_s: int,
    retries: int = 0,
    secrets: tuple[Secret, ...] = (),
) -> dsl.PipelineTask:
    """Gives a task's pod all that it has on a cluster.

    Args:
        task: a task of the project's image.
        size: CPU and memory.
        deadline_s: seconds after which one attempt is ended, the pull of its image included.
        retries: how often the task is tried again; only what may run twice has any.
        secrets: what it may read.

    Returns:
        The task.
    """
    _size(task, size)
    _wait(task, deadline_s, retries)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)
    for key, value in {
        "name": task.name,
        "component": "pipeline",
        "part-of": "kubeloop",
        "version": VERSION,
    }.items():
        kubernetes.add_pod_label(task, f"app.kubernetes.io/{key}", value)
    for secret in secrets:
        _mount(task, secret)
    return task


def _size(task: dsl.PipelineTask, size: Size) -> None:
    wanted: tuple[Any, ...] = (size.cpu, size.memory, size.cpu_request, size.memory_request)
    # kfp hands a parameter into a group for what consumes it, and does not count sizes by itself.
    task.register_pipeline_channels(
        [amount for amount in wanted if isinstance(amount, PipelineChannel)]
    )
    task.set_cpu_limit(size.cpu).set_memory_limit(size.memory)
    task.set_cpu_request(size.cpu_request).set_memory_request(size.memory_request)


def _wait(task: dsl.PipelineTask, deadline_s: int, retries: int) -> None:
    kubernetes.set_timeout(task, deadline_s)
    if retries:
        # Argo counts its `maxDuration` from the first attempt's begin and ends the attempts by it,
        # so it has to hold every attempt at its longest and every pause.
        longest = (retries + 1) * deadline_s + _BACKOFF_S * 2**retries
        task.set_retry(
            retries,
            backoff_duration=f"{_BACKOFF_S}s",
            backoff_factor=2.0,
            backoff_max_duration=f"{longest}s",
        )


def _mount(task: dsl.PipelineTask, secret: Secret) -> None:
    names = {name: name for name in secret.variables} | dict(secret.renamed)
    if names:
        kubernetes.use_secret_as_env(task, secret.name, names, optional=True)
    if secret.files:
        kubernetes.use_secret_as_volume(task, secret.name, secret.folder, optional=True)
    if secret is PRIVACY:
        task.set_env_variable(KEY_FILE, f"{secret.folder}/key")

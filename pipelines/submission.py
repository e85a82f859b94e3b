"""What a run and a schedule on Kubeflow are made of: checked, uploaded, and put together.

Shared by `kubeloop submit` and `kubeloop schedule`, so that both start the same run.
"""

from dataclasses import dataclass, field

from rich.console import Console

from components.revision import code_revision
from components.spec import Spec
from pipelines.compile import Pipeline
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.pipeline import ensure_pipeline
from pipelines.kubeflow.place import Place
from pipelines.kubeflow.run import Wish, ensure_experiment
from pipelines.run_parameters import Addresses, run_parameters
from pipelines.upload import check_reachable, upload_sources

DEFAULT_EXPERIMENT = "Default"


@dataclass(frozen=True)
class Submission:
    """How a run, or a schedule of runs, is to be made.

    Attributes:
        place: where.
        addresses: what its pods talk to.
        experiment: by name; made where it is not there.
        image: that its tasks run in; empty for this version's, without a registry.
        root: address below which its artifacts lie; empty for Kubeflow's own.
        service_account: of its pods; empty for Kubeflow's own.
        parameters: of the pipeline, besides what the commands know.
        upload_to: address below which local sources are put; empty to refuse them.
    """

    place: Place
    addresses: Addresses
    experiment: str = DEFAULT_EXPERIMENT
    image: str = ""
    root: str = ""
    service_account: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    upload_to: str = ""


def make_reachable(spec: Spec, submission: Submission, console: Console) -> Spec:
    """Refuses or uploads sources of this machine, before anything is asked of the cluster."""
    if not submission.upload_to:
        check_reachable(spec)
        return spec
    return upload_sources(
        spec, submission.upload_to, lambda text: console.print(text, markup=False)
    )


def make_wish(
    kubeflow: Kubeflow, spec: Spec, submission: Submission, *, name: str, run_id: str
) -> Wish:
    """Sees to the pipeline and the experiment, and puts together what is to run.

    Args:
        kubeflow: where.
        spec: its sources are such as a pod can read.
        submission: how.
        name: of the run or the schedule.
        run_id: of the run in lineage; empty where each run of a schedule has its own.

    Returns:
        What is to run.

    Raises:
        KubeflowError: the cluster cannot be asked, or refuses.
    """
    revision = code_revision()
    pipeline = ensure_pipeline(kubeflow, Pipeline.TRAINING, revision, submission.image)
    experiment = ensure_experiment(kubeflow, submission.experiment)
    return Wish(
        name=name,
        pipeline=pipeline,
        parameters=run_parameters(spec, submission.addresses, run_id, submission.parameters),
        experiment=experiment,
        root=submission.root,
        service_account=submission.service_account,
        description=f"Kubeloop trains {spec.name} by revision {revision}",
    )

"""What a run and a schedule on Kubeflow are made of: checked, uploaded, and put together.

Shared by `kubeloop submit` and `kubeloop schedule`, so that both start the same run.
"""

from dataclasses import dataclass, field

from rich.console import Console

from components.deploy.hosts import check_names
from components.revision import code_revision
from components.spec import Spec
from pipelines.compile import Pipeline
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.pipeline import ensure_pipeline, find_pipeline
from pipelines.kubeflow.place import Place
from pipelines.kubeflow.run import Wish, ensure_experiment
from pipelines.run_parameters import Addresses, check_parameters, run_parameters
from pipelines.upload import check_reachable, check_uploadable, upload_sources

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


def check_submission(spec: Spec, submission: Submission) -> None:
    """Refuses what could not run, before anybody is asked.

    Raises:
        SpecProblemsError: sources lie where no pod can read them.
        SpecError: KServe could serve no model of this name in that namespace, as its very last
            stage would find out; or the pipeline has no such parameter.
        DataError: a file that is to be uploaded is not there.
    """
    check_names(spec.name, submission.addresses.namespace)
    if submission.upload_to:
        check_uploadable(spec, submission.upload_to)
    else:
        check_reachable(spec)
    check_parameters(submission.parameters)


def make_reachable(
    kubeflow: Kubeflow, spec: Spec, submission: Submission, console: Console
) -> Spec:
    """Uploads sources of this machine, where that is asked.

    Args:
        kubeflow: where the run is to be; it is asked for the pipeline first, so that a token or a
            namespace which it refuses costs no upload.
        spec: as `check_submission` let it pass.
        submission: how.
        console: is told of each file.

    Returns:
        The spec with sources that a pod can read.

    Raises:
        KubeflowError: the cluster cannot be asked, or refuses.
        DataError: a file was not uploaded.
    """
    if not submission.upload_to:
        return spec
    find_pipeline(kubeflow, Pipeline.TRAINING)
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

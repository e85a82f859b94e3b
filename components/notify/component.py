"""The KFP face of notify: the exit task of the training pipeline."""

from kfp.dsl import Artifact, Output, PipelineTaskFinalStatus

from components.stage import stage


@stage()
def notify(
    spec: str,
    webhook: str,
    run_id: str,
    job_id: str,
    status: PipelineTaskFinalStatus,
    notice: Output[Artifact],
) -> None:
    """Reports the run's final state; a webhook that cannot be reached changes nothing about it."""
    from components.execution import recorded
    from components.notify.webhook import Notice, find_address, tell
    from components.notify.workflow import find_state
    from components.spec import from_json

    with recorded(notice) as path:
        workflow, group = status.pipeline_job_resource_name, status.pipeline_task_name
        state = find_state(status.state, workflow, group)
        said = Notice.now(from_json(spec).name, run_id or job_id, workflow, state)
        told = tell(find_address(webhook), said)
        path.write_text(told.model_dump_json(indent=1), encoding="utf-8")
        notice.metadata.update(state=state, delivered=told.delivered, reason=told.reason)

"""The training pipeline: read it top to bottom like the picture in the README."""

from kfp import dsl

from components.deploy.component import deploy
from components.evaluate.component import evaluate
from components.ingest.component import ingest
from components.notify.component import notify
from components.package.component import package
from components.prepare.component import prepare
from components.register.component import champion, crown, register
from components.train.component import train
from components.validate.component import validate
from pipelines.pods import BUNDLES, HOUR, MINUTE, NOTIFY, PRIVACY, REGISTRY, SOURCES, Size, furnish


def uncached(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Switches caching off for a task with effects, or whose inputs change behind their names."""
    return task.set_caching_options(False)


@dsl.pipeline(  # type: ignore[untyped-decorator]
    name="kubeloop-training",
    description="From a spec to a served model: data, candidates, gates, bundle, version, rollout.",
)
def training(
    spec: str,
    candidates: list[str],
    registry: str,
    serving: str,
    monitor: str,
    fresh: str = "",
    run_id: str = "",
    webhook: str = "",
    cpu: str = "1",
    memory: str = "2Gi",
    cpu_request: str = "500m",
    memory_request: str = "1Gi",
    small_cpu: str = "1",
    small_memory: str = "2Gi",
    small_cpu_request: str = "100m",
    small_memory_request: str = "512Mi",
) -> None:
    """Trains, judges and deploys one model.

    Args:
        spec: the whole spec as a JSON document.
        candidates: the estimators to train side by side, as `plan(spec)` lists them.
        registry: address of the model registry.
        serving: where the model is served: the model server's address.
        monitor: address of the monitor.
        fresh: labelled rows since the last run, a Parquet address; empty for none.
        run_id: the run's name in lineage; empty for KFP's own.
        webhook: address that is told how the run ended, by a POST of JSON; empty for that of the
            Secret `kubeloop-notify`, where there is one.
        cpu: CPU limit of each task that reads or fits the data, as Kubernetes writes it.
        memory: memory limit of the same tasks, as Kubernetes writes it.
        cpu_request: CPU that is kept for each of them, at most `cpu`.
        memory_request: memory that is kept for each of them, at most `memory`.
        small_cpu: CPU limit of each other task; they hold one model and the validation rows.
        small_memory: memory limit of the same tasks.
        small_cpu_request: CPU that is kept for each of them, at most `small_cpu`.
        small_memory_request: memory that is kept for each of them, at most `small_memory`.
    """
    job_id = dsl.PIPELINE_JOB_ID_PLACEHOLDER
    told = uncached(notify(spec=spec, webhook=webhook, run_id=run_id, job_id=job_id))

    with dsl.ExitHandler(told, name="run"):
        # What is served now, and the world as it is: both change without any input changing.
        current = uncached(champion(spec=spec, registry=registry))
        table = uncached(ingest(spec=spec, fresh=fresh, run_id=run_id, job_id=job_id))
        checked = validate(
            spec=spec, table=table.outputs["data"], champion=current.outputs["current"]
        )
        parts = prepare(spec=spec, data=checked.outputs["data"])

        with dsl.ParallelFor(candidates, name="candidates") as candidate:
            trained = train(
                spec=spec,
                candidate=candidate,
                examples=parts.outputs["train"],
                validation=parts.outputs["validation"],
                cpu=cpu,
                memory=memory,
            )

        judged = evaluate(
            spec=spec,
            models=dsl.Collected(trained.outputs["model"]),
            test=parts.outputs["test"],
            champion=current.outputs["current"],
        )

        # On the returned flag: kfp's local runner skips an `If` on any other output in silence.
        with dsl.If(judged.outputs["Output"] == True, name="approved"):  # noqa: E712
            packaged = package(
                spec=spec,
                best=judged.outputs["best"],
                examples=parts.outputs["train"],
                validation=parts.outputs["validation"],
                evaluation=judged.outputs["evaluation"],
                statistics=checked.outputs["statistics"],
            )
            version = uncached(register(registry=registry, bundle=packaged.outputs["bundle"]))
            deployed = uncached(
                deploy(
                    spec=spec,
                    bundle=packaged.outputs["bundle"],
                    version=version.outputs["Output"],
                    serving=serving,
                    monitor=monitor,
                    current=current.outputs["current"],
                )
            )
            crowned = uncached(crown(registry=registry, deployed=deployed.outputs["deployed"]))

    data = Size(cpu, memory, cpu_request, memory_request)
    small = Size(small_cpu, small_memory, small_cpu_request, small_memory_request)
    # Two retries for what only reads, and for what does nothing the second time: `register` knows
    # its run, `crown` the version. One for `deploy`, which goes on where a lost pod left it, and
    # which a version that does not prove itself fails twice.
    furnish(current, small, deadline_s=HOUR, retries=2, secrets=(REGISTRY, BUNDLES))
    furnish(table, data, deadline_s=6 * HOUR, retries=2, secrets=(SOURCES, PRIVACY))
    for task in (checked, parts, judged):
        furnish(task, data, deadline_s=6 * HOUR)
    furnish(trained, data, deadline_s=24 * HOUR)
    furnish(packaged, small, deadline_s=2 * HOUR)
    furnish(version, small, deadline_s=HOUR, retries=2, secrets=(REGISTRY,))
    furnish(deployed, small, deadline_s=6 * HOUR, retries=1)
    furnish(crowned, small, deadline_s=HOUR, retries=2, secrets=(REGISTRY,))
    # It tries again by itself: a pod that failed would be a run that failed.
    furnish(told, small, deadline_s=10 * MINUTE, secrets=(NOTIFY,))

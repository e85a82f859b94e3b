"""The training pipeline: read it top to bottom like the picture in the README."""

from kfp import dsl

from components.deploy.component import deploy
from components.evaluate.component import evaluate
from components.ingest.component import ingest
from components.package.component import package
from components.prepare.component import prepare
from components.register.component import champion, crown, register
from components.train.component import train
from components.validate.component import validate

# Limits of the tasks after the judgement: they hold one model and the validation rows.
SMALL = ("1", "2Gi")


def uncached(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Switches caching off for a task with effects, or whose inputs change behind their names."""
    return task.set_caching_options(False)


def limit(task: dsl.PipelineTask, cpu: str, memory: str) -> None:
    """Sets a task's CPU and memory limits; both may be pipeline parameters."""
    task.set_cpu_limit(cpu).set_memory_limit(memory)


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
    cpu: str = "1",
    memory: str = "2Gi",
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
        cpu: CPU limit of each task that reads or fits the data, as Kubernetes writes it.
        memory: memory limit of the same tasks, as Kubernetes writes it.
    """
    # What is served now, and the world as it is: both change without any input changing.
    current = uncached(champion(spec=spec, registry=registry))
    table = uncached(
        ingest(spec=spec, fresh=fresh, run_id=run_id, job_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
    )
    checked = validate(spec=spec, table=table.outputs["data"], champion=current.outputs["current"])
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
        limit(trained, cpu, memory)

    judged = evaluate(
        spec=spec,
        models=dsl.Collected(trained.outputs["model"]),
        test=parts.outputs["test"],
        champion=current.outputs["current"],
    )

    # On the returned flag: an `If` on any other output is skipped in silence by kfp's local runner.
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
            )
        )
        crowned = uncached(
            crown(
                spec=spec,
                registry=registry,
                version=version.outputs["Output"],
                deployed=deployed.outputs["deployed"],
            )
        )

    for task in (current, table, checked, parts, judged):
        limit(task, cpu, memory)
    # kfp 2.17 hands a parameter into a group only as a task's argument, never for a limit alone.
    for task in (packaged, version, deployed, crowned):
        limit(task, *SMALL)

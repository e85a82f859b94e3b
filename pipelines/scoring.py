"""The scoring pipeline: a model bundle and a table in, an answer for every row out."""

from kfp import dsl

from components.score.component import score
from pipelines.pods import HOUR, SOURCES, Size, furnish


@dsl.pipeline(  # type: ignore[untyped-decorator]
    name="kubeloop-scoring",
    description="From a model bundle and a table to an answer for every row.",
)
def scoring(
    bundle: str,
    source: str,
    errors: str = "refuse",
    cpu: str = "1",
    memory: str = "2Gi",
    cpu_request: str = "500m",
    memory_request: str = "1Gi",
) -> None:
    """Answers every row of a table.

    Args:
        bundle: address of the model bundle's folder.
        source: address of the rows, a CSV or Parquet file.
        errors: what becomes of rows that break the model's signature: `refuse` answers none,
            `null` leaves their answers empty.
        cpu: CPU limit, as Kubernetes writes it.
        memory: memory limit, as Kubernetes writes it.
        cpu_request: CPU that is kept for the task, at most `cpu`.
        memory_request: memory that is kept for it, at most `memory`.
    """
    # What lies at an address may change without the address changing.
    answered = score(bundle=bundle, source=source, errors=errors).set_caching_options(False)
    # Its answers are written whole or not at all, so that it may run again.
    size = Size(cpu, memory, cpu_request, memory_request)
    furnish(answered, size, deadline_s=24 * HOUR, retries=2, secrets=(SOURCES,))

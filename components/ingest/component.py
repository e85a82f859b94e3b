"""The KFP face of ingest."""

from kfp.dsl import Dataset, Output

from components.stage import stage


@stage()
def ingest(spec: str, fresh: str, run_id: str, job_id: str, data: Output[Dataset]) -> None:
    """Reads the sources into one table, private columns protected, with its fingerprint."""
    from components.execution import recorded
    from components.ingest.sources import ingest_table
    from components.spec import from_json

    with recorded(data) as folder:
        lineage = ingest_table(from_json(spec), folder, run_id=run_id or job_id, fresh=fresh)
        data.metadata.update(lineage.facts())

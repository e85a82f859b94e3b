"""`kubeloop check`: the data against its contract, without a run."""

import os
import secrets
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from components.contract import Role
from components.ingest.privacy import KEY_FILE_VARIABLE
from components.ingest.sources import ingest_table
from components.spec import Spec
from components.validate.checks import Severity
from components.validate.validation import validate_table
from pipelines.local.result import Exit


def check_data(spec: Spec) -> int:
    """Reads the data and holds it against the spec and the inferred contract.

    Args:
        spec: already found right in itself.

    Returns:
        The exit status: 0, or 1 where the contract would refuse the data.

    Raises:
        DataError: the sources cannot be read, or lack what the spec names.
    """
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="kubeloop-") as scratch:
        table, typed = Path(scratch, "table"), Path(scratch, "typed")
        # What is hashed here is thrown away with its key.
        key = Path(scratch, "privacy.key")
        key.write_bytes(secrets.token_bytes(32))
        os.environ[KEY_FILE_VARIABLE] = str(key)
        lineage = ingest_table(spec, table, run_id="check")
        checked = validate_table(spec, lineage, table, typed)
    console.print(f"the spec is right; {lineage.rows:,} rows, {lineage.columns} columns")
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("column", "type", "role", "note"):
        shown.add_column(column)
    for entry in checked.contract.columns:
        shown.add_row(entry.name, entry.type, entry.role, entry.reason)
    console.print(shown)
    for failure in checked.failures:
        console.print(f"{failure.severity}: {failure}", markup=False)
    refused = [f for f in checked.failures if f.severity is Severity.REFUSE]
    features = len(checked.contract.named(Role.FEATURE))
    if refused:
        console.print(f"the data breaks its contract in {len(refused)} ways")
        return Exit.FAILED
    console.print(f"the data keeps its contract; {features} features")
    return Exit.DONE

"""`kubeloop check`: the data against its contract, without a run."""

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.contract import Lineage, Role
from components.ingest.privacy import KEY_FILE_VARIABLE
from components.ingest.sources import ingest_table
from components.spec import Spec
from components.validate.validation import Checked, validate_table
from pipelines.local.result import Exit


@dataclass(frozen=True)
class Examined:
    """What looking at the data without a run has shown."""

    lineage: Lineage
    checked: Checked


def examine(spec: Spec, *, observing: bool = False) -> Examined:
    """Reads the data and holds it against the spec and the inferred contract.

    Args:
        spec: already found right in itself.
        observing: whether to look at each column's values too.

    Returns:
        What was found; all that was written for it is removed again.

    Raises:
        DataError: the sources cannot be read, or lack what the spec names.
    """
    before = os.environ.get(KEY_FILE_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="kubeloop-") as scratch:
        table, typed = Path(scratch, "table"), Path(scratch, "typed")
        # What is hashed here is thrown away with its key.
        key = Path(scratch, "privacy.key")
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(32))
        os.environ[KEY_FILE_VARIABLE] = str(key)
        try:
            lineage = ingest_table(spec, table, run_id="check")
            checked = validate_table(spec, lineage, table, typed, observing=observing)
        finally:
            os.environ.pop(KEY_FILE_VARIABLE)
            if before is not None:
                os.environ[KEY_FILE_VARIABLE] = before
    return Examined(lineage, checked)


def check_data(spec: Spec) -> int:
    """Reads the data and shows how it keeps the spec and the inferred contract.

    Args:
        spec: already found right in itself.

    Returns:
        The exit status: 0, or 1 where the contract would refuse the data.

    Raises:
        DataError: the sources cannot be read, or lack what the spec names.
    """
    console = Console(highlight=False, soft_wrap=True)
    examined = examine(spec)
    lineage, checked = examined.lineage, examined.checked
    console.print(f"the spec is right; {lineage.rows:,} rows, {lineage.columns} columns")
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("column", "type", "role", "note"):
        shown.add_column(column)
    for entry in checked.contract.columns:
        shown.add_row(*map(Text, (entry.name, entry.type, entry.role, entry.reason)))
    console.print(shown)
    for failure in checked.failures:
        console.print(f"{failure.severity}: {failure}", markup=False)
    features = len(checked.contract.named(Role.FEATURE))
    if count := len(checked.refused):
        ways = "one way" if count == 1 else f"{count} ways"
        console.print(f"the data breaks its contract in {ways}")
        return Exit.FAILED
    console.print(f"the data keeps its contract; {features} features")
    return Exit.DONE

"""The data's contract: what each column is, what it may hold, and what it is for.

`validate` infers it from the data and the spec and writes it beside the rows; every later stage
reads its column roles from here and nowhere else.
"""

from enum import StrEnum
from pathlib import Path

from components.signature import Frozen, Label

ROWS = "rows.parquet"
CONTRACT = "contract.json"


class ColumnType(StrEnum):
    """What a column's values are. Stored as float64, text, text and datetime (UTC)."""

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    DATE = "date"


class Role(StrEnum):
    """What a column is for; everything but a feature is hidden from the model."""

    FEATURE = "feature"
    TARGET = "target"
    ID = "id"
    TIMESTAMP = "timestamp"
    GROUP = "group"
    IGNORED = "ignored"


class Lineage(Frozen):
    """Where rows came from.

    Attributes:
        run_id: the run that read them.
        rows: how many there are.
        columns: how many columns the source has.
        fingerprint: `sha256:…` of the content; row order and file layout do not count.
    """

    run_id: str
    rows: int
    columns: int
    fingerprint: str


class ColumnContract(Frozen):
    """What one column may hold.

    Attributes:
        name: as in the source.
        type: what its values are.
        role: what it is for.
        reason: why it is ignored, else empty.
        nullable: whether a missing value is within the contract.
        missing: texts that read as missing.
        minimum: smallest number allowed, if any.
        maximum: largest number allowed, if any.
        values: the only categories allowed, if declared.
        protected: whether fairness is reported by it.
    """

    name: str
    type: ColumnType
    role: Role
    reason: str = ""
    nullable: bool = True
    missing: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] | None = None
    protected: bool = False


class Contract(Frozen):
    """The contract of a whole table.

    Attributes:
        columns: in the source's order.
        target: the column to predict.
        classes: the target's classes in the source's type, sorted; for binary negative first.
            None for regression.
        lineage: where the rows came from.
    """

    columns: tuple[ColumnContract, ...]
    target: str
    classes: tuple[Label, ...] | None
    lineage: Lineage

    def named(self, role: Role) -> list[str]:
        """Returns the names of the columns in a role, in the source's order."""
        return [column.name for column in self.columns if column.role is role]

    def write(self, folder: Path) -> None:
        """Writes `contract.json` into a folder."""
        (folder / CONTRACT).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Contract":
        """Reads `contract.json` from a folder."""
        return cls.model_validate_json((folder / CONTRACT).read_text(encoding="utf-8"))

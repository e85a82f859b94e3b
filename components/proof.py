"""What a deployment showed: `deploy` writes it, and `crown` makes champion what it is about."""

from pathlib import Path

from pydantic import AwareDatetime

from components.signature import Frozen


class Proof(Frozen):
    """What a deployment showed.

    Attributes:
        name: the model.
        version: what is served now.
        endpoint: where, in the V1 protocol.
        golden_rows: how many rows gave the packaged answers through the endpoint.
        latency_seconds: of one golden row through the endpoint, the least of a few tries; 0 where
            no row could be asked.
        replaced: the version that was served before, if any.
        at: when the version was seen in service, before any other deployment could replace it.
    """

    name: str
    version: int
    endpoint: str
    golden_rows: int
    latency_seconds: float
    replaced: int | None
    at: AwareDatetime

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        path.write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Proof":
        """Reads what `write` wrote."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))

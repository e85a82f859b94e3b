"""The champion as a run sees it: the version that is served now, and its bundle, if there is one.

`register` writes it at the start of a run; `evaluate` compares the challenger with it, and `deploy`
sees by it whether something else has come into service meanwhile.
"""

from pathlib import Path

from pydantic import AwareDatetime

from components.signature import Frozen

CHAMPION = "champion.json"
BUNDLE = "bundle"


class Champion(Frozen):
    """Which version is champion.

    Attributes:
        version: as registered; None where the model has none yet.
        at: when the registry was asked; None in what an older Kubeloop wrote.
    """

    version: int | None
    at: AwareDatetime | None = None

    def write(self, folder: Path) -> None:
        """Writes `champion.json` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CHAMPION).write_text(self.model_dump_json(), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Champion":
        """Reads `champion.json` from a folder."""
        return cls.model_validate_json((folder / CHAMPION).read_text(encoding="utf-8"))

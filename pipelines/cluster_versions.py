"""What the registry of a cluster knows, asked when it is needed and with a person's patience."""

from collections.abc import Iterator
from contextlib import contextmanager

from components.address import without_secrets
from components.errors import RegistryError
from components.register.connection import PERSON, import_client, is_file
from components.register.registry import Registry
from components.register.version import Version
from pipelines.kubeflow.patience import PATIENCE, Waiting


class Versions:
    """The versions that a registry knows; once it has failed it is asked no more.

    Args:
        address: of the registry, as this machine reaches it; empty for none.

    Attributes:
        fault: why versions are not shown; empty where they are.
    """

    def __init__(self, address: str) -> None:
        """Remembers the address; nothing is asked yet."""
        self.fault = ""
        self._address = address
        self._registry = Registry(address, PERSON)
        self._waiting = Waiting(without_secrets(address), PATIENCE.told_s)
        self._names: list[str] = []

    def names(self) -> list[str]:
        """Lists the registered models, by name; none where the registry cannot be asked."""
        if not self._names and self._can_be_asked:
            with self._noting_why_not():
                self._names = self._registry.names()
        return self._names

    def of(self, model: str) -> list[Version]:
        """Lists a model's versions, newest first; none where the registry cannot be asked."""
        found: list[Version] = []
        if self._can_be_asked:
            with self._noting_why_not():
                found = self._registry.versions(model)
        return found

    @property
    def _can_be_asked(self) -> bool:
        return bool(self._address) and not self.fault

    @contextmanager
    def _noting_why_not(self) -> Iterator[None]:
        try:
            if is_file(self._address):
                yield
                return
            import_client()
            with self._waiting.over("list versions"):
                yield
        except RegistryError as exc:
            self.fault = f"versions are not shown: {exc}"

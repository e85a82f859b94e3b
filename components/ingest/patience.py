"""How long a remote source is waited for, and how often it is tried again."""

from dataclasses import dataclass

from components import object_store


@dataclass(frozen=True)
class Patience(object_store.Patience):
    """Limits of a transfer: a store's, and those of a server of files.

    Attributes:
        backoff_s: seconds before the second retry; each later one waits twice as long (the first
            comes at once).
        most_wait_s: seconds that a server's Retry-After may ask for.
    """

    backoff_s: float = 1.0
    most_wait_s: int = 120

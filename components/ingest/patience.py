"""How long a remote source is waited for, and how often it is tried again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Limits of a transfer.

    Attributes:
        connect_s: seconds that a connection may take.
        read_s: seconds that may pass between two pieces of an answer.
        retries: how often a transfer is tried again after the first time.
        backoff_s: seconds before the second retry; each later one waits twice as long (the first
            comes at once).
        most_wait_s: seconds that a server's Retry-After may ask for.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    retries: int = 4
    backoff_s: float = 1.0
    most_wait_s: int = 120

"""Numbers and times of labels, so that readers can ask for what is new and get everything once.

Numbers grow, and times never fall, in the order in which labels become visible, whatever the clocks
of this and of other replicas do.
"""

from components.monitor.storage.connection import Connection


class LabelClock:
    """Numbers and times of the labels that one request joins."""

    def __init__(self, connection: Connection, received: int) -> None:
        """Reads nothing yet.

        Args:
            connection: in a transaction that no other writer shares.
            received: when the request came, microseconds since 1970, UTC.
        """
        self._connection = connection
        self._received = received
        self._number: int | None = None

    def next(self) -> tuple[int, int]:
        """Returns a label's number, and when it counts as received."""
        if self._number is None:
            [[self._number, floor]] = self._connection.query(
                "SELECT number, received FROM label_clock"
            )
            # A clock that was set back, or a table that was read up to a moment that is not over.
            self._received = max(self._received, floor)
        self._number += 1
        return self._number, self._received

    def write(self) -> None:
        """Stores how far the numbers and times have come."""
        if self._number is not None:
            self._connection.execute(
                "UPDATE label_clock SET number = ?, received = ?", (self._number, self._received)
            )

    def fence(self) -> None:
        """Lets no later label count as received before this clock's time."""
        self._connection.execute(
            "UPDATE label_clock SET received = ? WHERE received < ?",
            (self._received, self._received),
        )

"""Tells of what `ingest` has kept of its sources: where a row stands, and which gave none."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from components.origins import Origins
from components.validate.failure import Failure, Judge


def located(failures: Iterable[Failure], origins: Origins) -> tuple[Failure, ...]:
    """Adds the file and the row within it to each failure that names rows.

    Args:
        failures: as found, with positions in the whole table.
        origins: the sources; none where nothing is known of them.

    Returns:
        The same failures in the same order.
    """
    return tuple(replace(f, where=origins.said(f.places)) if f.places else f for f in failures)


def empty_sources(origins: Origins, judge: Judge) -> Iterator[Failure]:
    """Yields a failure for each source that has a header and no rows."""
    for source in origins.sources:
        if not source.rows:
            said = f"rows in every source; {source.name!r} has a header and none"
            yield judge.failure("empty_source", "", 0, said)

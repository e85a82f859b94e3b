"""The thread that judges beside the collector; it alone loads numpy, after the service has started.

Python runs one thread at a time, so an acknowledgement may have to wait for whatever is computed
here. Hence steps of about a millisecond, and rests that are longer than they. What counts is not
the work of a step but the time it took: where others want the processor too, it takes longer, and
so does the rest. Judging falls behind before collecting does, and catches up from what is stored.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from components.errors import KubeloopError
from components.monitor.storage.reader import Reader
from components.monitor.store import Store

POLL_SECONDS: Final = 0.5
"""How soon a new event or label is seen."""

REST_SHARE: Final = 4.0
"""Seconds of rest for each of a step: a fifth of one core at most, whatever waits. At 35 to 45 us a
row (measured, 20 features) that is some 5,000 rows a second."""

_log = logging.getLogger(__name__)


class JudgeThread:
    """Judges until it is closed."""

    def __init__(
        self,
        reader: Reader,
        submit: Callable[[Callable[[Store], Any]], "Future[Any]"],
        *,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """Starts nothing yet.

        Args:
            reader: of the store.
            submit: queues work for its writer, as `Writer.submit` does.
            leads: whether this process, of several on one store, is the one that judges.
        """
        self._made_of = (reader, submit)
        self._leads = leads
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor-judge", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread after the step that it is at; the writer must still run."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        from components.monitor.judging.judge import Judge

        judge = Judge(*self._made_of, leads=self._leads)
        while not self._stop.is_set():
            began, more = time.monotonic(), False
            try:
                more = judge.run_once()
            except KubeloopError as exc:
                _log.warning("not judged error=%s", exc)
            except Exception:
                # The next verdict may succeed; a thread that ended would give none ever again.
                _log.exception("not judged")
            took = time.monotonic() - began
            self._stop.wait(max(REST_SHARE * took, 0.0 if more else POLL_SECONDS))

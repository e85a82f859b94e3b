"""The retraining thread: looks every few seconds, and at once where something has come.

Of several replicas of one store, one decides; the others keep asking whether it is their turn.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from components.errors import KubeloopError
from components.monitor.refusal import OVERLOADED, RefusedError
from components.monitor.retraining.decisions import Decisions
from components.monitor.retraining.retrainer import Retrainer
from components.monitor.retraining.watch import VerdictWatch
from components.monitor.storage.reader import Reader
from components.monitor.storage.records import Retraining

PAUSE_SECONDS: Final = 5.0
"""Between two looks: soon beside a run's minutes, seldom beside what a look costs."""

WAITING: Final = 100
"""Requests of people that may wait for a look."""

_log = logging.getLogger(__name__)
_Asked = tuple[str, str, "Future[Retraining | None]"]


class Worker:
    """Runs a retrainer on a thread of its own."""

    def __init__(
        self,
        reader: Reader,
        decisions: Decisions,
        *,
        retrainer: Retrainer | None,
        watch: VerdictWatch | None,
        leads: Callable[[], bool],
        pause: float = PAUSE_SECONDS,
    ) -> None:
        """Takes its parts; `start` starts the thread.

        Args:
            reader: of the store.
            decisions: what was decided; read anew when this replica's turn comes.
            retrainer: decides; None where nothing runs training, so that there is nothing to
                decide.
            watch: tells of the monitor's own verdicts; None where Alertmanager does.
            leads: whether this replica is the one that decides.
            pause: seconds between two looks.
        """
        self._reader = reader
        self._decisions = decisions
        self._retrainer = retrainer
        self._watch = watch
        self._leads = leads
        self._pause = pause
        self._led = False
        self._asked: queue.Queue[_Asked] = queue.Queue(WAITING)
        self._woken = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="monitor-retraining", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread after the look that it is at; runs under way go on."""
        self._closing = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Has it look now."""
        self._woken.set()

    def ask(self, model: str, reason: str) -> "Future[Retraining | None]":
        """Queues a person's request.

        Args:
            model: the model's name.
            reason: `manual` or `schedule`.

        Returns:
            A future of the decision, once that is on the disk; None where the model is unknown.

        Raises:
            RefusedError: 503; too many wait.
        """
        future: Future[Retraining | None] = Future()
        try:
            self._asked.put_nowait((model, reason, future))
        except queue.Full as exc:
            raise _busy(f"{WAITING} requests for retraining wait") from exc  # noqa: EM102
        self.wake()
        return future

    def _run(self) -> None:
        while not self._closing:
            self._woken.clear()
            self._attempt()
            self._woken.wait(self._pause)
        self._answer_all(_busy("stopping"))

    def _attempt(self) -> None:
        """Looks once; what goes wrong is said, and tried again at the next look."""
        try:
            self._look()
        except (KubeloopError, TimeoutError) as exc:
            _log.error("retraining not looked after now: %s", exc)
            self._decisions.forget()
            self._answer_all(_busy("the store cannot be used now"))
        except Exception as exc:
            # The thread has to outlive a bug in one look; its trace is in the log.
            _log.exception("retraining failed to look")
            self._decisions.forget()
            self._answer_all(exc)

    def _look(self) -> None:
        leads = self._leads()
        if leads and not self._led:
            # What another replica decided in its turn is not in this one's memory.
            self._decisions.forget()
        self._led = leads
        if not leads:
            self._answer_all(_busy("another replica decides"))
            return
        now = time.time_ns() // 1000
        verdicts = self._reader.latest_verdicts()
        if self._watch is not None:
            self._watch.look(verdicts)
        if self._retrainer is None:
            return
        versions = self._reader.versions()
        self._retrainer.look(versions, verdicts, now)
        while (asked := self._next()) is not None:
            model, reason, future = asked
            try:
                future.set_result(self._retrainer.ask(model, reason, versions, now))
            except Exception as exc:
                future.set_exception(exc)
                raise

    def _next(self) -> _Asked | None:
        """Takes the next request that somebody still waits for."""
        while True:
            try:
                asked = self._asked.get_nowait()
            except queue.Empty:
                return None
            if asked[2].set_running_or_notify_cancel():
                return asked

    def _answer_all(self, exc: Exception) -> None:
        # All are taken before one is answered: who asks again upon that waits for the next look.
        for asked in list(iter(self._next, None)):
            asked[2].set_exception(exc)


def _busy(why: str) -> RefusedError:
    message = f"nothing was decided: {why}; ask again"
    return RefusedError(message, status=503, reason=OVERLOADED, retry_after=1)

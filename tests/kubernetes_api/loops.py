"""One event loop in a thread of its own, in which everything of a cluster happens."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Loop:
    """An event loop; what others want done in it, they hand to `run`."""

    def __init__(self) -> None:
        """Starts the thread."""
        self.loop = asyncio.new_event_loop()
        # What went wrong in here and had nobody to be told; a fault of this package, not of a test.
        self.failures: list[BaseException] = []
        self.loop.set_exception_handler(self._note)
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, act: Callable[[], Result]) -> Result:
        """Does something in the loop's thread and returns what came of it."""
        if threading.current_thread() is self._thread:
            return act()

        async def acted() -> Result:
            return act()

        return self.wait(acted())

    def wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Runs a coroutine in the loop and returns what came of it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def later(self, seconds: float, act: Callable[[], object]) -> asyncio.TimerHandle:
        """Does something after a while; to be called in the loop's thread."""
        return self.loop.call_later(seconds, act)

    def close(self) -> None:
        """Ends what still runs, then the thread.

        Raises:
            RuntimeError: something went wrong in it.
        """

        async def finish() -> None:
            rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        self.wait(finish())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        if self.failures:
            msg = "something went wrong inside tests/kubernetes_api: see the cause"
            raise RuntimeError(msg) from self.failures[0]

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        found = context.get("exception")
        self.failures.append(found or RuntimeError(context.get("message", "unknown")))

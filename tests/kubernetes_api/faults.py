"""Faults that a test orders: which request meets which."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Literal

from tests.kubernetes_api.refusals import RefusalError


@dataclass
class Fault:
    """One order.

    Attributes:
        method: an HTTP method, a verb, or "*".
        path: searched for in path and query.
        kind: what happens.
        times: how often still; negative for ever.
        acted: whether the request has its effect.
        refusal: what is answered.
        after_bytes: of the body, before the connection is cut.
        over: set when a request that hangs is to go on.
    """

    method: str
    path: str
    kind: Literal["fail", "cut", "hang"]
    times: int = 1
    acted: bool = False
    refusal: RefusalError | None = None
    after_bytes: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Faults:
    """All orders, the oldest first."""

    def __init__(self) -> None:
        """Starts with none."""
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Takes an order."""
        re.compile(fault.path)
        self._faults.append(fault)

    def meet(self, method: str, verb: str, target: str) -> Fault | None:
        """Returns the fault that a request meets, if any, which uses it up by one."""
        for fault in self._faults:
            names = (method.lower(), verb, "*")
            if fault.times and fault.method.lower() in names and re.search(fault.path, target):
                fault.times -= 1
                return fault
        return None

    def unmet(self) -> list[Fault]:
        """Returns the orders that are still to be met."""
        return [fault for fault in self._faults if fault.times > 0]

    def clear(self) -> None:
        """Forgets all orders; what hangs goes on."""
        for fault in self._faults:
            fault.over.set()
        self._faults.clear()

"""Loopback addresses for pods, Services and the gateway, each its own, as a cluster has them."""

import random
from collections.abc import Callable

from tests.kubernetes_api.http_server import Handler, Listener

_TRIES = 50


class Network:
    """Hands out listeners at free addresses of 127.0.0.0/8; to be used in the loop's thread.

    Attributes:
        pod_port: at which every pod listens: 8080, unless something took it on all addresses.
        service_port: of every Service: 80, unless this process may not have that.
    """

    def __init__(self) -> None:
        """Finds out which ports can be had."""
        self.pod_port = self._usable((8080, 18080, 28080))
        self.service_port = self._usable((80, 8000, 18000))

    def listen(self, port: int, handler: Handler) -> Listener:
        """Listens at an address that nobody else has."""
        return self._somewhere(lambda address: Listener(address, port, handler))

    def at(self, address: str, port: int, handler: Handler) -> Listener:
        """Listens at an address that was had before."""
        return Listener(address, port, handler)

    def address(self) -> str:
        """Returns an address that nobody listens at."""
        numbers = random.SystemRandom()
        return f"127.{numbers.randint(1, 254)}.{numbers.randint(0, 254)}.{numbers.randint(2, 254)}"

    def _somewhere(self, listen: Callable[[str], Listener]) -> Listener:
        failure: OSError | None = None
        for _ in range(_TRIES):
            try:
                return listen(self.address())
            except OSError as exc:
                failure = exc
        msg = f"no free loopback address in {_TRIES} tries: {failure}"
        raise OSError(msg)

    def _usable(self, ports: tuple[int, ...]) -> int:
        from tests.kubernetes_api.model_server import refuse

        for port in ports:
            try:
                Listener(self.address(), port, refuse).close()
            except OSError:
                continue
            return port
        msg = f"none of the ports {ports} can be listened at on loopback"
        raise OSError(msg)

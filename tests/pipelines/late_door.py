"""A real socket that refuses every connection until it is opened, as a server does that starts."""

import contextlib
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit


class LateDoor:
    """An address that leads to a server on loopback once it is open.

    Attributes:
        url: the address.
    """

    def __init__(self, server: str) -> None:
        """Takes a port for itself, which refuses as long as nobody listens on it.

        Args:
            server: the address of the one behind the door.
        """
        parts = urlsplit(server)
        self._server = (parts.hostname, parts.port)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ended = False
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        """Answers from now on."""
        self._socket.listen()
        self._start(self._accept)

    def close(self) -> None:
        """Ends."""
        self._ended = True
        # Wakes the one that accepts, which a mere close does not.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)
        self._socket.close()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self._start(self._lead, client)

    def _lead(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            back = threading.Thread(target=_hand_on, args=(server, client), daemon=True)
            back.start()
            _hand_on(client, server)
            back.join()

    def _start(self, work: Callable[..., None], *given: socket.socket) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        thread.start()
        self._threads.append(thread)


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    # Either side may end its connection at any time, and then the other's ends too.
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

"""The socket that the monitor listens on, with errors that a person can act on."""

import errno
import socket
from typing import Final

from components.errors import DeployError

LAST_PORT: Final = 65535


def listen(host: str, port: int) -> socket.socket:
    """Opens the listening socket before anything else, so that a taken port costs nothing.

    Args:
        host: a local name or address, IPv4 or IPv6.
        port: the TCP port.

    Returns:
        The socket; connections wait in its backlog until the service accepts them.

    Raises:
        DeployError: the address cannot be listened on.
    """
    if not 0 <= port <= LAST_PORT:
        # The resolver would take the port modulo 65536 without a word.
        msg = f"cannot listen on {host!r} port {port}: expected a port from 0 to {LAST_PORT}"
        raise DeployError(msg)
    try:
        family, kind, protocol, _, local = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as exc:
        msg = f"cannot listen on {host!r} port {port}: {exc}; expected a local address"
        raise DeployError(msg) from exc
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(local)
        listener.listen()
    except OSError as exc:
        listener.close()
        why = "the port is already taken" if exc.errno == errno.EADDRINUSE else str(exc)
        msg = f"cannot listen on {host!r} port {port}: {why}; choose another port"
        raise DeployError(msg) from exc
    return listener


def address(listener: socket.socket) -> str:
    """The address that a socket listens on, as a URL has it."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if listener.family == socket.AF_INET6 else f"{host}:{port}"

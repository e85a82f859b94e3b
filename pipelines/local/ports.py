"""Which ports the local services listen on: the asked ones, the usual ones, or free ones."""

import socket

from components.errors import SpecError

HOST = "127.0.0.1"
DEFAULT_PORTS = {"http": 8080, "grpc": 8081, "monitor": 9091}


def choose_ports(asked: dict[str, int]) -> dict[str, int]:
    """Chooses a port for each service.

    Args:
        asked: the ports that the user wants, by name.

    Returns:
        What was asked for, else the default where it is free, else any free one.

    Raises:
        SpecError: a port that was asked for is taken.
    """
    chosen: dict[str, int] = {}
    for name, default in DEFAULT_PORTS.items():
        if name in asked:
            if not is_free(asked[name]):
                msg = f"port {asked[name]} is already taken: leave it out to use a free one"
                raise SpecError(msg)
            chosen[name] = asked[name]
        elif default not in chosen.values() and is_free(default):
            chosen[name] = default
        else:
            chosen[name] = _free_port()
    return chosen


def is_free(port: int) -> bool:
    """Returns whether nobody listens on a port of this machine's loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])

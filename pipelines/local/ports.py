"""Which ports the local services listen on: the asked ones, the usual ones, or free ones."""

import socket
from collections import Counter

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
        SpecError: a port that was asked for is taken, or was asked for twice.
    """
    if twice := [port for port, count in Counter(asked.values()).items() if count > 1]:
        services = " and ".join(name for name, port in asked.items() if port == twice[0])
        msg = f"port {twice[0]} is asked for by {services}: each service needs one of its own"
        raise SpecError(msg)
    chosen: dict[str, int] = {}
    for name, default in DEFAULT_PORTS.items():
        if name in asked:
            if not is_free(asked[name]):
                msg = f"port {asked[name]} is already taken: leave it out to use a free one"
                raise SpecError(msg)
            chosen[name] = asked[name]
        elif default not in (*asked.values(), *chosen.values()) and is_free(default):
            chosen[name] = default
        else:
            chosen[name] = _free_port({*asked.values(), *chosen.values()})
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


def _free_port(given: set[int]) -> int:
    """Finds a free port that is not given to another service already."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in given:
            return port

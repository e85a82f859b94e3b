import contextlib

import pytest

from components.errors import DeployError
from components.monitor.listener import address, listen


def test_listen_free_port_address_readable() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        assert address(listener) == f"127.0.0.1:{listener.getsockname()[1]}"


def test_listen_taken_port_named() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(DeployError, match=f"port {port}: the port is already taken; choose"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 9091), ("127.0.0.1", 70000)])
def test_listen_no_local_address_refused(host: str, port: int) -> None:
    with pytest.raises(DeployError, match=f"cannot listen on '{host}' port {port}"):
        listen(host, port)

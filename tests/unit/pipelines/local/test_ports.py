import socket

import pytest

from components.errors import SpecError
from pipelines.local.ports import DEFAULT_PORTS, HOST, choose_ports, is_free


def test_is_free_of_a_port_that_somebody_listens_on_is_false() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        assert not is_free(taken.getsockname()[1])


def test_choose_ports_takes_another_where_the_usual_one_is_taken() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((HOST, DEFAULT_PORTS["http"]))
            taken.listen()
        except OSError:
            # Somebody else holds the usual port, which shows the same.
            assert not is_free(DEFAULT_PORTS["http"])
        chosen = choose_ports({})
    assert chosen["http"] != DEFAULT_PORTS["http"]
    assert len(set(chosen.values())) == 3


def test_choose_ports_keeps_what_was_asked_for() -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    assert choose_ports({"monitor": port})["monitor"] == port


def test_choose_ports_asked_for_and_taken_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SpecError, match=f"port {port} is already taken: leave it out"):
            choose_ports({"http": port})


def test_choose_ports_gives_a_usual_port_to_the_service_that_asked_for_it() -> None:
    usual = DEFAULT_PORTS["http"]
    if not is_free(usual):
        pytest.skip(f"needs port {usual} free")
    chosen = choose_ports({"grpc": usual})
    assert chosen["grpc"] == usual
    assert len(set(chosen.values())) == 3


def test_choose_ports_asked_for_twice_is_refused() -> None:
    said = "port 9000 is asked for by http and monitor: each service needs one of its own"
    with pytest.raises(SpecError, match=said):
        choose_ports({"http": 9000, "monitor": 9000})

import re
from pathlib import Path

import pytest

from components.errors import StateError
from components.monitor.storage.addresses import read_address

URL = "postgresql://kubeloop:SECRET@db.example/kubeloop"


def test_read_address_file_or_url_without_password() -> None:
    assert read_address("some/store.db", {}) == Path("some/store.db")
    plain = "postgresql://kubeloop@db.example/kubeloop?sslmode=verify-full"
    assert read_address(plain, {"KUBELOOP_MONITOR_STORE": URL}) == plain


def test_read_address_from_the_environment_or_its_file(tmp_path: Path) -> None:
    assert read_address(None, {"KUBELOOP_MONITOR_STORE": URL}) == URL
    (tmp_path / "uri").write_text(f"{URL}\n")
    assert read_address(None, {"KUBELOOP_MONITOR_STORE_FILE": str(tmp_path / "uri")}) == URL
    assert read_address(None, {"KUBELOOP_MONITOR_STORE": "/a/b.db"}) == Path("/a/b.db")
    assert read_address(None, {}, otherwise=Path("c.db")) == Path("c.db")


@pytest.mark.parametrize(
    ("given", "environment", "says"),
    [
        (None, {}, "give --store, KUBELOOP_MONITOR_STORE or KUBELOOP_MONITOR_STORE_FILE"),
        (URL, {}, "set KUBELOOP_MONITOR_STORE or KUBELOOP_MONITOR_STORE_FILE instead of --store"),
        ("postgresql://h/d?password=SECRET", {}, "instead of --store"),
        (None, {"KUBELOOP_MONITOR_STORE_FILE": "/nowhere/x"}, "'/nowhere/x', cannot be read"),
        ("mysql://u@h/d", {}, "a store cannot be 'mysql'"),
        (None, {"KUBELOOP_MONITOR_STORE": "postgresql://u:SEC@RET@h/d"}, "as %40, %2F and %23"),
        (None, {"KUBELOOP_MONITOR_STORE": "postgresql://u:SEC/RET@h/d"}, "as %40, %2F and %23"),
        (None, {"KUBELOOP_MONITOR_STORE": "postgresql://u:SEC#RET@h/d"}, "as %40, %2F and %23"),
        (None, {"KUBELOOP_MONITOR_STORE": "postgresql://u:SEC?RET@h/d"}, "as %40, %2F and %23"),
    ],
)
def test_read_address_wrong_refused_without_its_secret(
    given: str | None, environment: dict[str, str], says: str
) -> None:
    with pytest.raises(StateError, match=re.escape(says)) as caught:
        read_address(given, environment)
    assert "SEC" not in str(caught.value)

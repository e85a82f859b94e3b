"""Where an error comes from."""

from collections.abc import Callable

import pytest

from components.errors import root_cause

REFUSED = ConnectionRefusedError("refused")


def raise_from() -> None:
    try:
        raise REFUSED
    except OSError as exc:
        raise ValueError from exc


def raise_while() -> None:
    try:
        raise REFUSED
    except OSError:
        raise ValueError  # noqa: B904


def raise_from_none() -> None:
    try:
        raise REFUSED
    except OSError:
        raise ValueError from None


def raise_from_one_while_another() -> None:
    try:
        raise KeyError
    except KeyError:
        raise ValueError from REFUSED


def raise_from_a_chain() -> None:
    try:
        raise_while()
    except ValueError as exc:
        raise ValueError from exc


@pytest.mark.parametrize(
    "fail",
    [raise_from, raise_while, raise_from_none, raise_from_one_while_another, raise_from_a_chain],
)
def test_root_cause_is_where_a_chain_began(fail: Callable[[], None]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        fail()
    assert root_cause(caught.value) is REFUSED


def test_root_cause_of_an_error_that_came_from_none_is_itself() -> None:
    error = ValueError("a")
    assert root_cause(error) is error

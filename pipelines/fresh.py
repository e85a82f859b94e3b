"""The address of the rows that a run takes as fresh, as `kubeloop run --fresh` is given it."""

from pathlib import Path

from pydantic_core import PydanticCustomError

from components.spec import Problem, SpecProblemsError
from components.spec.sources import check_source, resolve

_OPTION = "--fresh"
_OPEN, _SAFE = "http://", "https://"


def resolve_fresh(address: str) -> str:
    """Checks an address without opening it.

    Args:
        address: of a Parquet file: a path, file://, s3://, gs://, http:// or https://. Unlike a
            source it may be http:// of another machine, since a monitor within a cluster is.

    Returns:
        The address, a path made absolute.

    Raises:
        SpecProblemsError: it is none, or holds a password or a token.
    """
    is_open = address.startswith(_OPEN)
    try:
        check_source(_SAFE + address.removeprefix(_OPEN) if is_open else address)
    except PydanticCustomError as exc:
        context = exc.context or {}
        shown = str(context.get("shown", address))
        problem = Problem(_OPTION, shown, str(context["expected"]), str(context["hint"]))
        raise SpecProblemsError([problem], "the call") from None
    if address.startswith("sklearn://"):
        expected = "the labelled rows of a served model, a Parquet file"
        raise SpecProblemsError([Problem(_OPTION, address, expected)], "the call")
    return resolve(address, Path.cwd())

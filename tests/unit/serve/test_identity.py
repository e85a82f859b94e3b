import time
import uuid

import pytest

from components.serve.identity import request_id, uuid7
from components.serve.refusal import RefusalError


def test_uuid7_has_version_variant_and_time() -> None:
    before = time.time_ns() // 1_000_000
    value = uuid.UUID(uuid7())
    assert value.version == 7
    assert value.variant == uuid.RFC_4122
    assert before <= value.int >> 80 <= time.time_ns() // 1_000_000


def test_uuid7_of_many_calls_never_repeats() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000


def test_request_id_takes_the_first_that_is_there() -> None:
    assert request_id(None, "", "third", "fourth") == "third"
    assert uuid.UUID(request_id(None, None)).version == 7


@pytest.mark.parametrize("given", ["x" * 129, "a\nb", "é", "a\x7f", 5, ["a"]])
def test_request_id_that_is_no_short_text_is_refused(given: object) -> None:
    with pytest.raises(RefusalError, match="the request id must be"):
        request_id(given)

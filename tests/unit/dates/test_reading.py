from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.dates.reading import parse, render

MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))
FORMATS = (
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%d.%m.%Y %H:%M:%S.%f",
    "%b %d, %Y %I:%M:%S.%f %p",
    "%Y%m%d%H%M%S.%f%z",
)


def moment(text: str, form: str) -> str | None:
    [read] = parse([text], [form]).tolist()
    return None if read is None else read.isoformat()


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2024-02-29", "%Y-%m-%d", "2024-02-29T00:00:00"),
        ("  2024-2-9 ", "%Y-%m-%d", "2024-02-09T00:00:00"),
        ("1.2.69", "%d.%m.%y", "2069-02-01T00:00:00"),
        ("1.2.70", "%d.%m.%y", "1970-02-01T00:00:00"),
        ("MAR 3, 2021 12:05 am", "%b %d, %Y %I:%M %p", "2021-03-03T00:05:00"),
        ("3 March 2021", "%d %B %Y", "2021-03-03T00:00:00"),
        ("2021-03-03T12:05:09+02:00", "%Y-%m-%dT%H:%M:%S%z", "2021-03-03T10:05:09"),
        ("2021-03-03T12:05:09-0230", "%Y-%m-%dT%H:%M:%S%z", "2021-03-03T14:35:09"),
        ("2021-03-03T12:05:09.1234567z", "%Y-%m-%dT%H:%M:%S.%f%z", "2021-03-03T12:05:09.123456"),
        ("20210303", "%Y%m%d", "2021-03-03T00:00:00"),
        ("1614772800.5", "unix_s", "2021-03-03T12:00:00.500000"),
        ("-1000", "unix_ms", "1969-12-31T23:59:59"),
    ],
)
def test_parse_of_a_date_reads_it_in_utc(text: str, form: str, expected: str) -> None:
    assert moment(text, form) == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2023-02-29", "%Y-%m-%d"),
        ("31/04/2020", "%d/%m/%Y"),
        ("2024-13-01", "%Y-%m-%d"),
        ("2024-01-01 24:00", "%Y-%m-%d %H:%M"),
        ("0000-01-01", "%Y-%m-%d"),
        ("2024-01-01x", "%Y-%m-%d"),
        ("٢٠٢٤-01-01", "%Y-%m-%d"),
        ("13:00 pm 2024-01-01", "%I:%M %p %Y-%m-%d"),
        ("2021111", "%Y%m%d"),
        ("12e3", "unix_s"),
        ("99999999999999", "unix_s"),
        ("0001-01-01T00:00:00+14:00", "%Y-%m-%dT%H:%M:%S%z"),
        ("", "%Y-%m-%d"),
    ],
)
def test_parse_of_what_is_no_date_is_missing(text: str, form: str) -> None:
    assert moment(text, form) is None
    assert np.isnat(parse([text] * 40, [form])).all()


def test_parse_of_several_formats_takes_the_first_that_reads() -> None:
    texts = ["2024-01-02", "02/01/2024", None, "2/13/2024"]
    read = parse(texts, ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y"])
    assert read.astype("datetime64[D]").astype(str).tolist() == [
        "2024-01-02",
        "2024-01-02",
        "NaT",
        "2024-02-13",
    ]


@given(st.lists(MOMENTS, min_size=33, max_size=60), st.sampled_from(FORMATS))
def test_render_of_moments_is_read_back(moments: list[datetime], form: str) -> None:
    given = np.array(moments, dtype="datetime64[us]")
    assert (parse(render(given, form), [form]) == given).all()


@given(
    st.lists(
        st.one_of(
            st.datetimes().map(lambda m: m.strftime("%Y-%m-%d %H:%M:%S")),
            st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", fullmatch=True),
            st.text(max_size=20),
        ),
        min_size=40,
        max_size=60,
    )
)
def test_parse_of_many_reads_as_of_each_alone(texts: list[str]) -> None:
    form = "%Y-%m-%d %H:%M:%S"
    many = parse(texts, [form])
    alone = np.concatenate([parse([text], [form]) for text in texts])
    assert ((many == alone) | (np.isnat(many) & np.isnat(alone))).all()


SEVERAL = ("%d.%m.%Y", "unix_s", "%Y-%m-%dT%H:%M:%S.%f%z", "%b %d, %Y %I:%M %p", "%m.%d.%Y")


@given(
    st.lists(
        st.one_of(
            st.builds(
                lambda moment, form: render(np.array([moment], "datetime64[us]"), form)[0],
                MOMENTS,
                st.sampled_from(SEVERAL),
            ),
            st.from_regex(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}", fullmatch=True),
            st.from_regex(
                r"[0-9]{4}-0[1-9]-[0-3][0-9]T0[0-9]:00:00\.5[+-][0-9]{2}:?00", fullmatch=True
            ),
            st.from_regex(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", fullmatch=True),
            st.sampled_from([None, "", " ", "1.2.2020 ", "0001-01-01T00:00:00.0+14:00"]),
        ),
        min_size=33,
        max_size=60,
    )
)
def test_parse_by_several_formats_reads_many_as_each_alone(texts: list[str | None]) -> None:
    many = parse(texts, SEVERAL)
    alone = np.concatenate([parse([text], SEVERAL) for text in texts])
    assert many.dtype == alone.dtype == np.dtype("datetime64[us]")
    assert many.tobytes() == alone.tobytes()


def test_parse_agrees_with_the_standard_library() -> None:
    text = "7.11.2023 05:06"
    expected = datetime.strptime(text, "%d.%m.%Y %H:%M").replace(tzinfo=UTC)
    [read] = parse([text], ["%d.%m.%Y %H:%M"]).tolist()
    assert read.replace(tzinfo=UTC) == expected

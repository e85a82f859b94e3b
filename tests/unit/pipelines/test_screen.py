import io

import pytest
from rich.console import Console

from pipelines.screen import print_table

COLUMNS = ("version", "", "run", "bundle")
ROWS = [
    ("2", "", "run-2", "s3://bucket/2"),
    ("1", "champion, served", "run-1", "s3://bucket/[1]"),
]
WHOLE = [
    "version                    run    bundle",
    "2                          run-2  s3://bucket/2",
    "1        champion, served  run-1  s3://bucket/[1]",
]


def printed(
    width: int,
    rows: list[tuple[str, ...]],
    *,
    below: tuple[str, ...] = ("bundle", "run"),
    terminal: bool = True,
) -> list[str]:
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=terminal, color_system=None, soft_wrap=True
    )
    print_table(console, COLUMNS, rows, below=below)
    return file.getvalue().splitlines()


def test_table_that_fits_has_a_line_for_each_row() -> None:
    assert printed(49, ROWS) == WHOLE


def test_table_that_is_too_wide_by_one_puts_the_first_of_its_columns_below() -> None:
    assert printed(48, ROWS) == [
        "version                    run",
        "2                          run-2",
        "  bundle  s3://bucket/2",
        "1        champion, served  run-1",
        "  bundle  s3://bucket/[1]",
    ]


@pytest.mark.parametrize("width", [31, 8, 1])
def test_narrow_terminal_puts_further_columns_below_and_loses_no_cell(width: int) -> None:
    assert printed(width, ROWS) == [
        "version",
        "2",
        "  run  run-2",
        "  bundle  s3://bucket/2",
        "1        champion, served",
        "  run  run-1",
        "  bundle  s3://bucket/[1]",
    ]


def test_pipe_has_a_line_for_each_row_however_wide() -> None:
    assert printed(8, ROWS, terminal=False) == WHOLE


def test_table_of_which_no_column_leaves_its_row_is_whole_in_a_narrow_terminal() -> None:
    assert printed(8, ROWS, below=()) == WHOLE


def test_empty_cell_below_its_row_is_no_line() -> None:
    assert printed(12, [("2", "", "", "s3://bucket/2")])[1:] == ["2", "  bundle  s3://bucket/2"]


def test_wide_letters_count_as_two_columns() -> None:
    rows = [("2", "", "模型", "b"), ("1", "", "run-1", "b")]
    assert printed(80, rows)[1:] == ["2          模型   b", "1          run-1  b"]


def test_characters_that_move_the_cursor_are_shown_as_one_that_does_not() -> None:
    (row,) = printed(80, [("1", "", "run\x1b[2J\r\n", "b")])[1:]
    assert row == "1          run�[2J��  b"

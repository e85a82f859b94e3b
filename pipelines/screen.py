"""Where the commands print: a terminal's width there, all of a line where somebody reads a pipe."""

from rich.console import Console

# Wide enough for any row of a table: a program that reads it wants whole names.
_PIPED_WIDTH = 1000


def open_console(*, stderr: bool = False) -> Console:
    """Opens the console that a command prints to.

    Args:
        stderr: whether stdout is left to a result.

    Returns:
        A console that changes no text of the user's, neither colours nor breaks.
    """
    console = Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    return console

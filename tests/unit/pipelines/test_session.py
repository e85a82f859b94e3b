import io

from rich.console import Console

from pipelines.session import wait_for_ctrl_c


class Impatient(io.StringIO):
    """A terminal at which Ctrl-C is pressed as soon as a line offers it."""

    def flush(self) -> None:
        if self.getvalue().endswith("Ctrl-C stops both\n"):
            raise KeyboardInterrupt


def test_ctrl_c_is_the_ordinary_end_from_the_line_on_that_offers_it() -> None:
    terminal = Impatient()
    wait_for_ctrl_c(Console(file=terminal, width=200), "http://s", "http://m")
    said = terminal.getvalue().splitlines()
    assert said[0] == "serving at http://s, monitor at http://m; Ctrl-C stops both"
    assert said[-1] == "stopping"

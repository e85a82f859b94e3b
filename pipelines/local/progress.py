"""Shows a run stage by stage: live in a terminal, plain lines where there is none."""

import re
import time
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import Progress as LiveProgress
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

# The exit task: it follows the stages, also one that failed, and is none itself.
_NO_STAGE = "notify"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_TASK = re.compile(
    r"Executing task '(?P<began>[\w.-]+)'"
    r"|Task '(?P<ended>[\w.-]+)' finished with status (?P<status>SUCCESS|FAILURE)"
)


class Display(Protocol):
    """Where a person sees stages begin and end."""

    def begin(self, stage: str) -> None:
        """Shows that a stage began."""

    def end(self, stage: str, seconds: float, *, succeeded: bool) -> None:
        """Shows that it ended."""

    def say(self, text: str) -> None:
        """Shows a sentence."""

    def stop(self) -> None:
        """Leaves the screen as it stands."""


class PlainLines:
    """A line for each begin and end, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        """Keeps where to print."""
        self._console = console

    def begin(self, stage: str) -> None:
        """Prints that a stage began."""
        self.say(f"· {stage}")

    def end(self, stage: str, seconds: float, *, succeeded: bool) -> None:
        """Prints that it ended, and in how many seconds."""
        self.say(f"{'✓' if succeeded else '✗'} {stage:<10} {seconds:6.1f} s")

    def say(self, text: str) -> None:
        """Prints a sentence."""
        self._console.print(text, markup=False)

    def stop(self) -> None:
        """Has nothing to leave."""


class LiveLines:
    """A line for each stage, with a spinner while it works."""

    def __init__(self, console: Console) -> None:
        """Takes the end of the screen."""
        self._live = LiveProgress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.fields[mark]} {task.description:<10}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._lines: dict[str, TaskID] = {}
        self._live.start()

    def begin(self, stage: str) -> None:
        """Adds a line with a spinner."""
        self._lines[stage] = self._live.add_task(stage, total=1, mark=" ")

    def end(self, stage: str, seconds: float, *, succeeded: bool) -> None:
        """Stops its spinner; the line keeps the time, so `seconds` needs no place."""
        mark = "[green]✓[/green]" if succeeded else "[red]✗[/red]"
        self._live.update(self._lines[stage], completed=1, mark=mark)
        self._live.stop_task(self._lines[stage])

    def say(self, text: str) -> None:
        """Prints a sentence above the lines."""
        self._live.console.print(text, markup=False)

    def stop(self) -> None:
        """Leaves the lines on the screen."""
        self._live.stop()


@dataclass
class StageTime:
    """When a stage's first task began and its last one ended; `time.monotonic` seconds."""

    began: float
    ended: float | None = None
    tasks: int = 0

    @property
    def seconds(self) -> float:
        """Wall-clock seconds so far."""
        return (self.ended or time.monotonic()) - self.began


@dataclass
class Progress:
    """What a person is told while a run goes on, and what is remembered of it.

    Attributes:
        display: where it is shown.
        expected: how many tasks a stage has, where it is not one.
        stages: by name, in the order in which they began.
        stage: the stage that began last.
        failed_stage: the one that failed first; empty for none.
    """

    display: Display
    expected: dict[str, int] = field(default_factory=dict)
    stages: dict[str, StageTime] = field(default_factory=dict)
    stage: str = "start"
    failed_stage: str = ""

    def begin(self, stage: str) -> None:
        """A task of a stage began; the stages run one after the other, so the others have ended."""
        if stage not in self.stages:
            self.settle()
            self.stage = stage
            self.stages[stage] = StageTime(time.monotonic())
            self.display.begin(stage)

    def end(self, stage: str, *, succeeded: bool) -> None:
        """A task of a stage ended; the stage ends with its last one, or with one that failed."""
        seen = self.stages[stage]
        seen.tasks += 1
        if not succeeded and not self.failed_stage:
            self.failed_stage = stage
            self._close(stage, succeeded=False)
        elif seen.tasks == self.expected.get(stage, 1):
            self._close(stage, succeeded=True)

    def settle(self) -> None:
        """Ends what is open: of tasks side by side, kfp's log may lose an end."""
        for stage in self.stages:
            self._close(stage, succeeded=True)

    def fail(self) -> None:
        """The stage that began last failed, if it is still open."""
        self.failed_stage = self.failed_stage or self.stage
        if self.stage in self.stages:
            self._close(self.stage, succeeded=False)

    def _close(self, stage: str, *, succeeded: bool) -> None:
        seen = self.stages[stage]
        if seen.ended is None:
            seen.ended = time.monotonic()
            self.display.end(stage, seen.seconds, succeeded=succeeded)

    def waiting(self, holder: str) -> None:
        """Another run holds the model's lock."""
        self.display.say(f"waiting for another run of this model to end{holder and f': {holder}'}")


def choose_display(console: Console) -> Display:
    """Returns a live display for a terminal, plain lines for anything else."""
    return LiveLines(console) if console.is_terminal else PlainLines(console)


@dataclass
class LogReader:
    """Reads kfp's log for the begin and end of tasks; it names them nowhere else."""

    progress: Progress

    def read(self, line: str) -> None:
        """Takes one line of the log."""
        # Tasks side by side write into one stream, so a line may hold the words of two.
        for found in _TASK.finditer(_ANSI.sub("", line)):
            if _NO_STAGE in (found["began"], found["ended"]):
                continue
            if found["began"]:
                self.progress.begin(found["began"])
            elif found["ended"] in self.progress.stages:
                self.progress.end(found["ended"], succeeded=found["status"] == "SUCCESS")

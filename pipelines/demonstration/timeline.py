"""What happened after the world had changed, and when: each step of the loop with its evidence."""

from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Step:
    """One step of the loop.

    Attributes:
        name: what happened.
        at: seconds on the monotonic clock.
        rows: sent so far.
        evidence: the figures that show it.
    """

    name: str
    at: float
    rows: int
    evidence: str


@dataclass
class Timeline:
    """The steps in the order in which they were seen.

    Attributes:
        change: monotonic seconds and row at which the world changed; None before it.
        steps: so far.
    """

    change: tuple[float, int] | None = None
    steps: list[Step] = field(default_factory=list)

    def note(self, name: str, at: float, rows: int, evidence: str) -> Step:
        """Adds a step."""
        step = Step(name, at, rows, evidence)
        self.steps.append(step)
        return step

    def has(self, name: str) -> bool:
        """Whether a step has been seen."""
        return any(step.name == name for step in self.steps)

    def since(self, step: Step) -> tuple[float, int]:
        """Returns seconds and rows from the change to a step; negative before it."""
        began, row = self.change or (step.at, step.rows)
        return step.at - began, step.rows - row

    def line(self, step: Step) -> Text:
        """Writes a step as it is shown while it happens."""
        seconds, rows = self.since(step)
        when = f"{seconds:+8.1f} s {rows:+7d} rows  " if self.change else " " * 26
        return Text.assemble(when, (step.name, "bold"), f"  {step.evidence}")

    def table(self) -> Table:
        """Makes the table that is shown at the end."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("since the change", justify="right")
        table.add_column("rows", justify="right")
        table.add_column("step")
        table.add_column("evidence", overflow="fold")
        for step in self.steps:
            seconds, rows = self.since(step)
            table.add_row(f"{seconds:+.1f} s", f"{rows:+d}", step.name, Text(step.evidence))
        return table

"""What changed since the version before."""

from collections.abc import Sequence

from components.report.text import counted, more, number, percent, table, text
from components.validate.statistics import Changes, Shift, Statistics

# Two samples of 1,000 rows of one distribution in 10 bins differ, less the bias, by less than 0.05
# in all but one of a million cases: the index's standard deviation is then 0.008. 0.2 is the
# customary bound of a great shift (Siddiqi, 2006).
_SOME, _GREAT = 0.05, 0.2
_FEWEST_ROWS = 1_000
_SHOWN = 25
_NAMED = 12


def section(found: Statistics) -> str:
    """Tells rows, columns, types, missing values, distributions, categories and the target."""
    changes = found.changes
    if changes is None:
        return '<p class="soft">There is no earlier version to compare with.</p>'
    difference = found.rows - changes.rows_before
    said = f"{found.rows:,} rows after {changes.rows_before:,}"
    if changes.rows_before:
        sign = "+" if difference >= 0 else "−"
        said += f" ({sign}{percent(abs(difference), changes.rows_before)})"
    lists = [
        _names("New columns", [text(name) for name in changes.new]),
        _names("Columns that are gone", [text(name) for name in changes.gone]),
        _names(
            "Columns of another type",
            [f"{text(r.name)} ({r.before} → {r.after})" for r in changes.retyped],
        ),
    ]
    return f"<p>{said}.</p>{''.join(lists)}{_target(found, changes)}{_shifts(found, changes)}"


def _names(title: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:_NAMED])
    rest = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"<p><strong>{title}</strong>: {shown}{rest}.</p>"


def _target(found: Statistics, changes: Changes) -> str:
    shift = next((s for s in changes.shifts if s.name == found.target), None)
    if shift is None:
        return ""
    means = ""
    if shift.mean_before is not None:
        means = f"; its mean is {number(shift.mean)} after {number(shift.mean_before)}"
    return (
        f"<p><strong>The target {text(found.target)}</strong>: "
        f"{_verdict(shift, found, changes)}{means}.</p>"
    )


def _verdict(shift: Shift, found: Statistics, changes: Changes) -> str:
    if shift.psi is None:
        return '<span class="soft">not comparable</span>'
    shown = f"PSI {shift.psi:.3f}"
    if min(found.sampled, changes.sampled_before) < _FEWEST_ROWS:
        return f'{shown} <span class="soft">(too few rows to judge)</span>'
    if shift.psi > _GREAT:
        return f'{shown} <span class="tag refuse">great shift</span>'
    if shift.psi > _SOME:
        return f'{shown} <span class="tag warn">some shift</span>'
    return f'{shown} <span class="tag good">as before</span>'


def _shifts(found: Statistics, changes: Changes) -> str:
    ordered = sorted(
        changes.shifts,
        key=lambda s: (-(s.psi or 0), -abs(s.missing - s.missing_before), -len(s.new_categories)),
    )
    if not ordered:
        return ""
    rows = [_row(shift, found, changes) for shift in ordered]
    head = ("Column", "Distribution", "Missing before", "Missing", "Mean before", "Mean", "New")
    label = "What changed by column"
    shown = table(head, rows[:_SHOWN], label, "  nnnn")
    note = (
        '<p class="soft small">PSI = Σ (p − q) ln(p ∕ q) over the earlier version’s bins (Siddiqi, '
        "2006), less its bias (B − 1)(1∕n + 1∕m) (Yurdakul, 2018): 0 is no shift, above 0.05 some, "
        "above 0.2 a great one, judged from 1,000 rows on.</p>"
    )
    if len(rows) > _SHOWN:
        rest = table(head, rows[_SHOWN:], label, "  nnnn")
        return shown + more(f"{len(rows) - _SHOWN:,} columns with less change", rest) + note
    return shown + note


def _row(shift: Shift, found: Statistics, changes: Changes) -> tuple[str, ...]:
    names = shift.new_categories
    new = ", ".join(text(name, 24) for name in names[:3])
    return (
        text(shift.name),
        _verdict(shift, found, changes),
        percent(shift.missing_before),
        percent(shift.missing),
        number(shift.mean_before) if shift.mean_before is not None else "",
        number(shift.mean) if shift.mean is not None else "",
        f"{new} and {counted(len(names) - 3, 'more', 'more')}" if len(names) > 3 else new,
    )

"""The data report: one HTML page without outside addresses. No value of a row is ever in it."""

from html import escape

from components.contract import ColumnContract, Contract, Role
from components.validate.checks import Failure
from components.validate.profile import Profile

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5c6675;--line:#dde2ea;--paper:#fff;
--card:#f6f8fb;--bar:#3b6fd4;--bad:#b3261e;--warn:#9a6700;--good:#1a7f4b}
@media(prefers-color-scheme:dark){:root{--ink:#e7ebf2;--soft:#9aa5b5;--line:#2c3440;--paper:#12161c;
--card:#1a2029;--bar:#7aa2f7;--bad:#ff8a80;--warn:#e3b341;--good:#57c98a}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}main{max-width:70rem;margin:auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.1rem;margin:2rem 0 .6rem}
p.soft,td.soft{color:var(--soft)}.cards{display:flex;flex-wrap:wrap;gap:.8rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.7rem 1rem;
min-width:8rem}.card b{display:block;font-size:1.3rem}.card span{color:var(--soft);font-size:.85rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.bar{display:inline-block;width:5rem;height:.5rem;background:var(--line);border-radius:.3rem;
overflow:hidden;margin-left:.5rem}.bar i{display:block;height:100%;background:var(--bar)}
.refuse{color:var(--bad);font-weight:600}.warn{color:var(--warn);font-weight:600}
.good{color:var(--good);font-weight:600}
"""


def render(
    name: str, contract: Contract, profiles: dict[str, Profile], failures: tuple[Failure, ...]
) -> str:
    """Renders the report.

    Args:
        name: the model's name.
        contract: what was expected.
        profiles: what each column holds.
        failures: what broke the contract.

    Returns:
        A whole HTML document.
    """
    lineage = contract.lineage
    missing = sum(profiles[c.name].missing for c in contract.columns)
    share = missing / max(1, lineage.rows * len(contract.columns))
    cards = [
        (f"{lineage.rows:,}", "rows"),
        (f"{lineage.columns:,}", "columns"),
        (f"{len(contract.named(Role.FEATURE)):,}", "features"),
        (f"{share:.1%}", "cells missing"),
        (f"{len(failures):,}", "contract failures"),
    ]
    shown = "".join(f'<div class="card"><b>{v}</b><span>{k}</span></div>' for v, k in cards)
    columns = "".join(_column_row(c, profiles[c.name]) for c in contract.columns)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(name)}: data report</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(name)}</h1><p class=soft>Data report. Run {escape(lineage.run_id)}, content "
        f'{escape(lineage.fingerprint[:19])}…</p><div class="cards">{shown}</div>'
        f"<h2>Contract</h2>{_failure_table(failures)}"
        '<h2>Columns</h2><div class="scroll"><table><tr><th>Column<th>Type<th>Role<th>Missing'
        f"<th class=n>Distinct, about<th>Note</tr>{columns}</table></div></main></body></html>\n"
    )


def _failure_table(failures: tuple[Failure, ...]) -> str:
    if not failures:
        return '<p class="good">Every row keeps the contract.</p>'
    rows = "".join(
        f'<tr><td class="{f.severity}">{f.severity}<td>{escape(f.column) or "table"}<td>{f.code}'
        f'<td class="n">{f.count:,}<td>{escape(f.expected)}'
        f'<td class="soft">{", ".join(map(str, f.places))}</tr>'
        for f in failures
    )
    head = "<tr><th>Severity<th>Column<th>Reason<th>Rows<th>Expected<th>First rows</tr>"
    return f'<div class="scroll"><table>{head}{rows}</table></div>'


def _column_row(column: ColumnContract, seen: Profile) -> str:
    share = seen.missing / max(1, seen.rows)
    # The count is an estimate (HyperLogLog++), which must not come out above what is possible.
    distinct = min(seen.distinct, seen.rows - seen.missing)
    note = column.reason or ("protected" if column.protected else "")
    return (
        f"<tr><td>{escape(column.name)}<td>{column.type}<td>{column.role}"
        f'<td>{share:.1%}<span class="bar"><i style="width:{share:.0%}"></i></span>'
        f'<td class="n">{distinct:,}<td class="soft">{escape(note)}</tr>'
    )

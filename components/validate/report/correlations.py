"""How numbers go together: Pearson's r as a map, and the strongest pairs as a list."""

from components.report.text import bar, counted, more, plain, table, text
from components.validate.statistics import Correlations, Statistics

_MAPPED = 30
_LISTED = 12
_LISTED_MORE = 100
_STEPS = 5

Pair = tuple[float, str, str]


def section(found: Statistics) -> str:
    """Draws the map of at most 30 numbers, and lists the strongest pairs."""
    known = found.correlations
    pairs = _pairs(known)
    if not pairs:
        return '<p class="soft">There are no two numbers to compare.</p>'
    names = _mapped(known, pairs)
    said = "Pearson’s r: 1 rise together, −1 one falls as the other rises, 0 no straight line."
    if len(names) < len(known.names) + known.left_out:
        said += f" On the map are the {len(names)} numbers with the strongest pairs"
        said += f"; {counted(known.left_out, 'number')} not compared." if known.left_out else "."
    first = "".join(_line(pair) for pair in pairs[:_LISTED])
    listed = f'<ul class="lines pairs">{first}</ul>'
    if len(pairs) > _LISTED:
        rest = pairs[_LISTED : _LISTED + _LISTED_MORE]
        rows = ((text(a), text(b), _r(r)) for r, a, b in rest)
        head = ("Column", "Column", "r")
        listed += more(f"The next {len(rest)} pairs", table(head, rows, "Weaker pairs", "  n"))
    return (
        f'<p class="soft">{said}</p><div class="split"><div>{_map(known, names)}</div>'
        f"<div><h3>Strongest pairs</h3>{listed}</div></div>"
    )


def _pairs(known: Correlations) -> list[Pair]:
    found = [
        (r, name, known.names[other])
        for at, name in enumerate(known.names)
        for other, r in enumerate(known.matrix[at])
        if other > at and r is not None
    ]
    return sorted(found, key=lambda pair: (-abs(pair[0]), pair[1], pair[2]))


def _mapped(known: Correlations, pairs: list[Pair]) -> list[int]:
    """Positions of the numbers on the map, in the source's order."""
    chosen: dict[str, None] = {}
    for _, first, second in pairs:
        for name in (first, second):
            if len(chosen) < _MAPPED:
                chosen[name] = None
    return [at for at, name in enumerate(known.names) if name in chosen]


def _map(known: Correlations, names: list[int]) -> str:
    heads = "".join(
        f'<th scope="col"><span>{text(known.names[at], 20)}</span></th>' for at in names
    )
    rows = "".join(
        f'<tr><th scope="row">{text(known.names[at], 20)}</th>'
        + "".join(_cell(known, at, other) for other in names)
        + "</tr>"
        for at in names
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Correlations">'
        '<table class="map"><caption class="away">Pearson’s r of numbers by pair</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(known: Correlations, at: int, other: int) -> str:
    if at == other:
        return '<td class="same"></td>'
    r = known.matrix[at][other]
    if r is None:
        return '<td class="same">–</td>'
    step = min(_STEPS, round(abs(r) * _STEPS))
    kind = "z" if not step else f"{'p' if r > 0 else 'm'}{step}"
    tip = f"{plain(known.names[at], 40)}, {plain(known.names[other], 40)}: {_r(r)}"
    return f'<td class="{kind}" title="{tip}">{_short(r)}</td>'


def _short(r: float) -> str:
    shown = f"{abs(r):.2f}".removeprefix("0")
    return f"−{shown}" if r < 0 and shown != ".00" else shown


def _r(r: float) -> str:
    return f"{r:.3f}".replace("-", "−")


def _line(pair: Pair) -> str:
    r, first, second = pair
    kind = "against" if r < 0 else ""
    return (
        f'<li><span class="label">{text(first, 24)} <span class="soft">and</span> '
        f'{text(second, 24)}</span>{bar(abs(r), kind)}<span class="n">{_r(r)}</span></li>'
    )

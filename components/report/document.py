"""A whole HTML page: nothing is loaded and nothing runs, and one file shows it anywhere."""

from functools import cache
from pathlib import Path
from typing import Final

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Holds even should a name ever slip through the escaping."""

_STYLE = Path(__file__).with_name("style.css")


def document(title: str, body: str, *styles: Path) -> str:
    """Builds a page.

    Args:
        title: HTML without tags.
        body: HTML.
        styles: further style sheets, after the one that all pages share.

    Returns:
        A whole HTML document.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{''.join(map(_read, (_STYLE, *styles)))}</style></head>"
        f"<body>{body}</body></html>\n"
    )


@cache
def _read(path: Path) -> str:
    return "".join(line.strip() for line in path.read_text(encoding="utf-8").splitlines())

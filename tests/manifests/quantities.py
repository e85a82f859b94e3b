"""Kubernetes' quantities as numbers."""

from decimal import Decimal

_SUFFIXES = {
    "m": Decimal("0.001"),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
}


def quantity(text: str | int | float) -> Decimal:
    """Cores or bytes of `500m`, `2`, `512Mi`."""
    written = str(text)
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if written.endswith(suffix):
            return Decimal(written.removesuffix(suffix)) * _SUFFIXES[suffix]
    return Decimal(written)

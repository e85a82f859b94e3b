"""Addresses that a user names: checked, and never shown with what may be a password."""

import re
from ipaddress import IPv6Address, ip_address
from string import punctuation
from typing import Final
from urllib.parse import quote, unquote, urlsplit

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_QUERY: Final = re.compile(r"[?#]")
_HIDDEN: Final = "***"
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


def without_secrets(address: str) -> str:
    """Writes an address as an error may show it: what may be a password or a key is `***`.

    Args:
        address: as it was named, however wrong.

    Returns:
        The address; without anything before its last @, and after its first ? or #. Where that @
        stands after one of them it may be a part of either: only the scheme is left.
    """
    return _divided(address)[0]


def without_secrets_of(address: str, text: str) -> str:
    """Writes what others say of an address, who may quote it in a longer one, or in parts.

    Args:
        address: as it was named, however wrong.
        text: of an error.

    Returns:
        The text; what may be a password or a key in the address is `***`, to each of its words.
    """
    shown, hidden = _divided(address)
    # As libraries rewrite what they cannot read.
    quoted = (quote(hidden, safe=""), quote(hidden, safe=punctuation))
    forms = (hidden, unquote(hidden), *quoted, repr(hidden))
    words = "|".join({word for form in forms for word in re.findall(r"\w+", form)})
    text = text.replace(address, shown)
    return re.sub(rf"\b(?:{words})\b", _HIDDEN, text, flags=re.IGNORECASE) if words else text


def _divided(address: str) -> tuple[str, str]:
    """What of an address may be shown, and what of it may be a secret."""
    found = _SCHEME.match(address)
    scheme = found[0] if found else ""
    # Up to the last @: a key of an object store may hold a slash, and a typing error anything else.
    user, at, place = address.removeprefix(scheme).rpartition("@")
    if _QUERY.search(user):
        return f"{scheme}{_HIDDEN}", user + at + place
    mark = _QUERY.search(place)
    start = f"{scheme}{_HIDDEN}@" if at else scheme
    if not mark:
        return start + place, user
    shown = f"{start}{place[: mark.end()]}{_HIDDEN}"
    return shown, f"{user} {place[mark.end() :]}"


def find_fault(address: str) -> str:
    """Says why an address is none of a server; its words hold no part of it.

    Args:
        address: `http(s)://HOST[:PORT][/PATH]`.

    Returns:
        The reason; empty where there is none.
    """
    if "@" in address:
        return "it must hold no user and no password, which would be shown to others"
    if "?" in address or "#" in address:
        return "it must hold no query and no fragment, which begin with ? and #"
    if not _PRINTABLE.fullmatch(address):
        return "it holds blanks or other characters that no address has"
    try:
        parts = urlsplit(address)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return "its host or its port, which is a number up to 65535, is wrong"
    if parts.scheme not in ("http", "https"):
        return "it begins with neither http:// nor https://"
    if not parts.hostname:
        return "it names no host"
    return "" if has_port else "its port is 0"


def is_of_this_machine(address: str) -> bool:
    """Whether an address leads back to the machine that asks, so that a pod would ask itself."""
    try:
        host = unquote(urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        found = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback or found.is_unspecified

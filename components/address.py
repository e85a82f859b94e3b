"""Addresses that a user names: checked, and never shown with what may be a password."""

import re
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

# A scheme, and all up to the last @: a key of an object store may hold a slash, and a typing error
# anything else.
_BEFORE_HOST: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", re.DOTALL)
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


def without_secrets(address: str) -> str:
    """Writes an address as an error may show it: what may be a password or a key is `***`.

    Args:
        address: as it was named, however wrong.

    Returns:
        The address; without anything before its last @, and after its first question mark.
    """
    shown = _BEFORE_HOST.sub(lambda match: f"{match[1] or ''}***@", address)
    place, mark, _ = shown.partition("?")
    place, hash_mark, _ = place.partition("#")
    return f"{place}{mark or hash_mark}***" if mark or hash_mark else place


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

"""Where a spec's rows come from: what can be named, and what a relative path is relative to.

A source is checked and made absolute here without being opened; the ingest stage opens it.
"""

import glob
import os.path
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from components.spec.problems import did_you_mean, one_of, refusal
from components.spec.vocabulary import DATASETS

SCHEMES: Final = ("file", "s3", "gs", "https", "sklearn")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")
# What names a secret in an address's query: the last word of a parameter's name, or two of them; so
# of links signed by Amazon, Google and Azure (X-Amz-Signature, sig) and of common services.
_SECRETS = frozenset(
    {"token", "jwt", "sig", "signature", "secret", "password", "passwd", "pwd", "credential"}
    | {"credentials", "auth", "authorization", "apikey", "accesskey", "secretkey", "privatekey"}
    | {"subscriptionkey", "authkey"}
)
_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_source(source: str) -> str:
    """Refuse a source that cannot be one, whatever it may hold.

    Args:
        source: a path, a glob, or a URI of one of `SCHEMES`.

    Returns:
        The source as it is.

    Raises:
        PydanticCustomError: the scheme, the place behind it or a character is wrong.
    """
    if not source.strip() or _CONTROL.search(source):
        expected = "a path, a glob or a URI, without control characters"
        raise refusal(expected)
    scheme, is_uri = _scheme(source)
    if not is_uri:
        return source
    if scheme == "http":
        return _check_loopback(source)
    if scheme not in SCHEMES:
        expected = f"a path, or a URI whose scheme is {one_of(SCHEMES)}"
        raise refusal(expected, did_you_mean(scheme, SCHEMES))
    if scheme == "sklearn":
        return _check_dataset(source)
    _check_place(source, scheme)
    return source


def resolve(source: str, folder: Path | None) -> str:
    """Make a local source absolute; leave every other as it is.

    Args:
        source: a checked source.
        folder: what a relative path is relative to; without it such a path stays relative.

    Returns:
        An absolute path or glob, or the URI. A glob stays one, and a folder whose own name looks
        like a glob is escaped in it.
    """
    scheme, is_uri = _scheme(source)
    if is_uri and scheme != "file":
        return source
    path = _file_path(source) if is_uri else os.path.expanduser(source)
    if os.path.isabs(path) or folder is None:
        return path
    root = os.path.abspath(folder)
    if glob.has_magic(path):
        root = glob.escape(root)
    return os.path.normpath(os.path.join(root, path))


def _scheme(source: str) -> tuple[str, bool]:
    match = _SCHEME.match(source)
    # "file:/path" is a URI too; any other "word:" without slashes is taken as a file's name.
    if match and (match[2] or match[1].lower() == "file"):
        return match[1].lower(), True
    return "", False


def _file_path(uri: str) -> str:
    # Not by urlsplit: a question mark is part of a glob here, and starts no query.
    return unquote(re.sub(r"^file:(//(localhost(?=/))?)?", "", uri, flags=re.IGNORECASE))


def _check_dataset(source: str) -> str:
    name = source.partition("://")[2]
    if name not in DATASETS:
        expected = f"sklearn:// and {one_of(DATASETS)}"
        raise refusal(expected, did_you_mean(name, DATASETS))
    return source


def _check_loopback(source: str) -> str:
    """Plain HTTP shows rows to whoever is on the way, so nobody may be on it."""
    _check_place(source, "http")
    host = urlsplit(source).hostname or ""
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    if not is_here:
        expected = "https://, since http:// is open to all on its way, or http:// and this machine"
        raise refusal(expected, "did you mean 'https'?")
    return source


def _check_place(source: str, scheme: str) -> None:
    try:
        parts = urlsplit(source)
    except ValueError:
        expected = "a URI"
        raise refusal(expected) from None
    is_web = scheme in {"https", "http"}
    plain = re.sub(r"(?s)([?#]).*", r"\1***", source) if is_web else source
    if parts.password is not None:
        # The spec travels into bundles and reports.
        expected = "no password in a source"
        hint = "credentials come from the environment or a mounted secret"
        raise refusal(expected, hint, plain.replace(parts.password, "***"))
    if is_web and (name := _secret_key(parts.query, parts.fragment)):
        expected = f"no credentials in a source, as its {name!r} is"
        hint = (
            "credentials come from the file that the environment's NETRC names; instead of a "
            "signed link, name the object by s3:// or gs://"
        )
        raise refusal(expected, hint, plain)
    if scheme == "file" and not _file_path(source).startswith("/"):
        expected = "file:/// and an absolute path"
        raise refusal(expected, "write a relative path without 'file:'")
    if scheme != "file" and (not parts.netloc or parts.path in {"", "/"}):
        expected = f"{scheme}:// and a {'host' if is_web else 'bucket'}, then a path"
        raise refusal(expected)
    if is_web and glob.has_magic(parts.path):
        expected = f"{scheme}:// and one file, since a web server lists none"
        raise refusal(expected, "name every file, or percent-encode *, ? and [")


def _secret_key(*queries: str) -> str:
    """Finds the name of a parameter that holds a secret; empty where there is none."""
    for query in queries:
        for name, _ in parse_qsl(query.replace(";", "&"), keep_blank_values=True):
            words = [word.lower() for word in _WORDS.split(name) if word]
            # `sort_key` is none, a bare `key` is one for the services that ask for it.
            if _SECRETS & {"".join(words[-1:]), "".join(words[-2:])} or words == ["key"]:
                return name
    return ""

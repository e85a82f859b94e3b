"""Certificate authorities of a test's own, made by the command openssl."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_DAYS = "2"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Identity:
    """What a server shows of itself in TLS.

    Attributes:
        certificate: in PEM.
        key: in PEM, unprotected.
    """

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs certificates.

    Attributes:
        certificate: what a client trusts, in PEM.
        key: in PEM.
    """

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> "Authority":
        """Makes an authority that signs for itself; skips the test where openssl is not here."""
        if shutil.which("openssl") is None:
            pytest.skip("NOT TESTED: the command openssl is not here")
        made = cls(folder / f"{name}.crt", folder / f"{name}.key")
        _openssl("req", "-x509", "-days", _DAYS, "-subj", f"/CN={name}", *_KEY, *_files(made))
        return made

    def issue(self, host: str) -> Identity:
        """Issues a certificate for one host name."""
        name = f"{self.key.stem}-{host}"
        made = Identity(*(self.key.with_name(f"{name}.{kind}") for kind in ("crt", "key")))
        signed = ("-CA", str(self.certificate), "-CAkey", str(self.key))
        names = ("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
        plain = ("-addext", "basicConstraints=critical,CA:FALSE")
        _openssl("req", "-x509", "-days", _DAYS, *signed, *names, *plain, *_KEY, *_files(made))
        return made


def _files(made: Authority | Identity) -> tuple[str, ...]:
    return "-out", str(made.certificate), "-keyout", str(made.key)


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if done.returncode:
        msg = f"openssl {arguments[0]} failed: {done.stderr[-2000:]}"
        raise RuntimeError(msg)

"""Bundles where they lie: a folder of this machine, or an address in an object store.

KFP names its own store `minio://`; what lies there is fetched by S3's protocol, with endpoint and
credentials from the environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).
"""

import os
import shutil
from pathlib import Path
from typing import Any

from components.errors import RegistryError

_SCHEMES = {"minio": "s3", "s3": "s3", "gs": "gs"}
# What the stores' libraries look for; they would ask the cloud's metadata service besides, which
# hangs where there is none. A pod has one where it has an identity of Google's.
_KNOWN = {
    "s3": (
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    ),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST", "KUBERNETES_SERVICE_HOST"),
}
_FILES = {
    "s3": ".aws/credentials",
    "gs": ".config/gcloud/application_default_credentials.json",
}


def fetch_bundle(bundle: str, folder: Path, about: str) -> None:
    """Copies a bundle into a folder.

    Args:
        bundle: where it lies: a path, or an address that begins with minio://, s3:// or gs://.
        folder: receives its files.
        about: whose bundle it is, for the sentence.

    Raises:
        RegistryError: it is not there, or cannot be read from here.
    """
    if "://" in bundle:
        _download(bundle, folder, about)
    elif Path(bundle).is_dir():
        shutil.copytree(bundle, folder, dirs_exist_ok=True)
    else:
        msg = (
            f"{about}, but its bundle {bundle!r} is gone: roll back to a version whose bundle is "
            "there"
        )
        raise RegistryError(msg)


def _download(bundle: str, folder: Path, about: str) -> None:
    kind, key = _SCHEMES.get(bundle.partition("://")[0]), bundle.partition("://")[2].rstrip("/")
    if kind is None:
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        msg = f"{about}, but its bundle {bundle!r} is nowhere to be fetched from: expected {known}"
        raise RegistryError(msg)
    if not any(map(os.environ.get, _KNOWN[kind])) and not (Path.home() / _FILES[kind]).is_file():
        msg = (
            f"{about}, but its bundle {bundle!r} cannot be read from here: there are no "
            f"credentials; set {_KNOWN[kind][0]} and what belongs to it"
        )
        raise RegistryError(msg)
    try:
        store = _open(kind)
        if not store.exists(f"{key}/bundle.json"):
            msg = (
                f"{about}, but its bundle {bundle!r} is gone: roll back to a version whose bundle "
                "is there"
            )
            raise RegistryError(msg)
        folder.mkdir(parents=True, exist_ok=True)
        for place in store.find(key):
            target = folder / place.removeprefix(f"{key}/")
            if ".." in target.parts:
                msg = f"{about}, but its bundle {bundle!r} holds a file outside of its own folder"
                raise RegistryError(msg)
            target.parent.mkdir(parents=True, exist_ok=True)
            store.get_file(place, str(target))
    except RegistryError:
        raise
    except Exception as exc:
        # The libraries' errors have no common base, and their texts may hold tokens.
        msg = (
            f"{about}, but its bundle {bundle!r} cannot be fetched ({type(exc).__name__}): check "
            "AWS_ENDPOINT_URL, credentials and network"
        )
        raise RegistryError(msg) from None


def _open(kind: str) -> Any:
    import fsspec

    own = {"skip_instance_cache": True, "use_listings_cache": False}
    if kind == "gs":
        return fsspec.filesystem(kind, **own)
    retries = {"mode": "standard", "total_max_attempts": 4}
    limits = {"connect_timeout": 10, "read_timeout": 60, "retries": retries}
    store = fsspec.filesystem(kind, config_kwargs=limits, **own)
    # Its own retries would come on top of each of the library's below it.
    store.retries = 1
    return store

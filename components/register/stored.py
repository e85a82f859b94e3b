"""Bundles where they lie: a folder of this machine, or an address in an object store."""

import shutil
from pathlib import Path

from components.errors import DataError, RegistryError
from components.object_store import Patience, by_s3, failure, open_store
from components.seal import MANIFEST


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
        raise RegistryError(_gone(bundle, about))


def _gone(bundle: str, about: str) -> str:
    return (
        f"{about}, but its bundle {bundle!r} is gone: roll back to a version whose bundle is there"
    )


def _download(bundle: str, folder: Path, about: str) -> None:
    address = by_s3(bundle).rstrip("/")
    if not address.startswith(("s3://", "gs://")):
        msg = (
            f"{about}, but its bundle {bundle!r} is nowhere to be fetched from: expected an "
            "address that begins with minio://, s3:// or gs://"
        )
        raise RegistryError(msg)
    key = address.partition("://")[2]
    try:
        store = open_store(address, Patience())
        if not store.exists(f"{key}/{MANIFEST}"):
            raise RegistryError(_gone(bundle, about))
        # A key that ends in a slash stands for a folder.
        found = [place for place in store.find(key) if not place.endswith("/")]
        places = [(place, place.removeprefix(f"{key}/")) for place in found]
        if not all(_stays_inside(name) for _, name in places):
            msg = f"{about}, but its bundle {bundle!r} holds a file outside of its own folder"
            raise RegistryError(msg)
        folder.mkdir(parents=True, exist_ok=True)
        for place, name in places:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            store.get_file(place, str(target))
    except RegistryError:
        raise
    except DataError as exc:
        # There are no credentials.
        msg = f"{about}, but its bundle {exc}"
        raise RegistryError(msg) from exc
    except Exception as exc:
        # The libraries' errors have no common base, and their texts may hold tokens.
        msg = f"{about}, but its bundle {failure(address, exc)}"
        raise RegistryError(msg) from None


def _stays_inside(name: str) -> bool:
    """Whether a path below a folder is none out of it; a key may be any text.

    An empty part is a slash too many: with it in front the rest is a path of the whole machine.
    """
    return not {"", ".", ".."} & set(name.split("/"))

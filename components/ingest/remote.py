"""Copies remote sources to scratch, where everything that holds for local files holds for them.

Why a copy, and not Polars' own readers of object stores: a file is read twice, for its form and
for its rows, and once more where it has to be diagnosed, each of which would be a transfer;
the encoding, the delimiter and damaged rows are found out on local bytes only; a transfer that ends
early is noticed before anything is read of it; and what went wrong is known by status and cause
here, where Polars passes on a text. The price is free disk of the size of the source, which is
looked for first.

Credentials come from the environment and from files that it names, never from a spec: for s3://
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, a web identity or a mounted credentials
file, and AWS_ENDPOINT_URL for stores other than Amazon's, such as SeaweedFS or MinIO; for gs://
GOOGLE_APPLICATION_CREDENTIALS; for https:// the file that NETRC names. Buckets that are open to all
are read with FSSPEC_S3_ANON=true or FSSPEC_GS_TOKEN=anon, as fsspec reads its own configuration.
"""

from pathlib import Path

from components.ingest.download import download
from components.ingest.formats import format_of
from components.ingest.objects import copy_object, list_objects
from components.ingest.patience import Patience

_BUCKETS = ("s3://", "gs://")
_WEB = ("https://", "http://")


def find_objects(place: str) -> list[str]:
    """Resolves a glob in a bucket to the objects that it matches, sorted.

    Args:
        place: what `find_places` gives.

    Returns:
        The objects; whatever is not in a bucket as it is.

    Raises:
        DataError: nothing matches, or the store does not answer as it should.
    """
    return list_objects(place) if place.startswith(_BUCKETS) else [place]


def fetch(place: str, scratch: Path, patience: Patience | None = None) -> Path:
    """Copies one remote source.

    Args:
        place: an object in a bucket, or a web address.
        scratch: the folder to write to.
        patience: how long to wait and how often to try; the usual one unless told.

    Returns:
        The copy; it keeps nothing of the source's name but how it ends.

    Raises:
        DataError: it is not there, access is refused, or it could not be read whole; one sentence.
    """
    _, packing = format_of(place)
    target = scratch / f"fetched{packing}"
    if place.startswith(_WEB):
        download(place, target, patience or Patience())
    else:
        copy_object(place, target)
    return target

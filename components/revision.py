"""Which code is running: the revision that reaches lineage, bundles, metrics and cache keys.

A revision is what an image was told when it was built, such as a commit, or else a digest of the
sources, which is the same wherever the same files lie: in a checkout as in the image built from it.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

VERSION = "0.1.0"
REVISION_VARIABLE = "KUBELOOP_REVISION"


def code_revision() -> str:
    """Returns the revision of the stages' code.

    Returns:
        What the image, or whoever started the process, states in `KUBELOOP_REVISION`; else
        `source_revision`, so that an edit on a laptop counts as a change without a commit.
    """
    return os.environ.get(REVISION_VARIABLE) or source_revision()


@cache
def source_revision() -> str:
    """Returns `source-<12 hex digits>`, a digest of the stages' and the pipelines' sources.

    Files and folders that begin with a dot are left out, as `.dockerignore` leaves them out: the
    image that is built from a checkout has the checkout's digest.
    """
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for package in ("components", "pipelines"):
        for source in sorted((root / package).rglob("*.py")):
            name = source.relative_to(root)
            if not any(part.startswith(".") for part in name.parts):
                digest.update(name.as_posix().encode())
                digest.update(source.read_bytes())
    return f"source-{digest.hexdigest()[:12]}"

"""Which code is running: the revision that reaches lineage, bundles and cache keys.

KFP's cache key holds a task's image, command and arguments but not the code imported from the
image, so a revision has to be part of what it does see.
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
        What the image or the compiled pipeline states in `KUBELOOP_REVISION`, else
        `source-<12 hex digits>`, a digest of the stages' and the pipelines' sources, so that an
        edit on a laptop counts as a change without a commit.
    """
    return os.environ.get(REVISION_VARIABLE) or _source_digest()


@cache
def _source_digest() -> str:
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for package in ("components", "pipelines"):
        for source in sorted((root / package).rglob("*.py")):
            digest.update(source.relative_to(root).as_posix().encode())
            digest.update(source.read_bytes())
    return f"source-{digest.hexdigest()[:12]}"

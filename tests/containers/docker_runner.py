"""Runs a compiled pipeline through kfp's DockerRunner, in a process of its own.

Called as `python -m tests.containers.docker_runner IR ARGUMENTS ROOT NETWORK SHARED`.
"""

import json
import sys

from docker.types import Mount
from kfp import components, local

from tests.containers.engine import HARDENED, SCRATCH


def main(ir: str, arguments: str, root: str, network: str, shared: str) -> None:
    """Each task is a container: hardened, on one network, `/tmp` in memory, `shared` read-only."""
    runner = local.DockerRunner(
        network=network,
        mounts=[Mount(shared, shared, type="bind", read_only=True)],
        **HARDENED,
        **SCRATCH,
    )
    local.init(runner=runner, pipeline_root=root)
    with open(arguments, encoding="utf-8") as stream:
        given = json.load(stream)
    components.load_component_from_file(ir)(**given)


if __name__ == "__main__":
    main(*sys.argv[1:])

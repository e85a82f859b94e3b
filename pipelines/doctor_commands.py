"""The command that looks at this machine and its cluster."""

import json
from typing import Annotated

import typer

from pipelines.cluster_names import check_namespace
from pipelines.options import ContextOption

app = typer.Typer()


@app.command(epilog="Example: kubeloop doctor --context kind-kubeloop")
def doctor(
    context: ContextOption = "",
    namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Where models are served.", callback=check_namespace)
    ] = "kubeloop",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Look at tools and cluster, say what is wrong, and how to mend it; nothing is changed."""
    from pipelines.cluster.doctor.examination import examine
    from pipelines.local.result import Exit

    found = examine(context, namespace)
    if as_json:
        print(json.dumps(found.document, indent=2))
    else:
        area = ""
        for finding in found.findings:
            if finding.area != area:
                area = finding.area
                print(area)
            for line in finding.lines:
                print(f"  {line}")
        count = sum(finding.state == "wrong" for finding in found.findings)
        print(f"{count} wrong" if count else "nothing is wrong")
    raise typer.Exit(Exit.DONE if found.healthy else Exit.FAILED)

"""The monitor's command line where it is about retraining."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from components.errors import DeployError
from components.monitor.retraining.assembly import ALERTS, OFF, OWN, Settings
from components.monitor.retraining.kubeflow import PIPELINE, Cluster
from components.monitor.retraining.notification import ADDRESS_VARIABLE

_KNOWN: Final = ("spec", "candidates", "monitor", "fresh", "run_id")
"""Parameters of the pipeline that the monitor sets itself."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a parser."""
    group = parser.add_argument_group(
        "retraining", f"Notifications go to the address in {ADDRESS_VARIABLE}."
    )
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--state", type=Path, metavar="DIR", help="state folder; runs are processes here"
    )
    where.add_argument("--kubeflow", metavar="URL", help="API of Kubeflow Pipelines; runs go there")
    group.add_argument("--address", metavar="URL", help="how runs reach this monitor")
    group.add_argument("--retrain", choices=(OWN, ALERTS, OFF), help="what starts runs")
    group.add_argument(
        "--alert-token-file", type=Path, metavar="FILE", help="the token that /alerts asks for"
    )
    group.add_argument("--kubeflow-namespace", default="", metavar="NAME", help="of the pipeline")
    group.add_argument("--kubeflow-pipeline", default=PIPELINE, metavar="NAME", help="to run")
    group.add_argument("--kubeflow-token-file", type=Path, metavar="FILE", help="for the API")
    group.add_argument("--kubeflow-experiment", default="", metavar="ID", help="of the runs")
    group.add_argument("--kubeflow-service-account", default="", metavar="NAME", help="of the pods")
    group.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the pipeline, such as registry=http://mlflow:5000; may be repeated",
    )


def read_options(call: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    """Reads the options.

    Args:
        call: what was parsed.
        environment: holds the notifications' address.

    Returns:
        How the monitor retrains.

    Raises:
        DeployError: options contradict one another.
    """
    cluster = None
    if call.kubeflow:
        if not call.address:
            msg = "--kubeflow needs --address URL: a run in a pod has to reach this monitor"
            raise DeployError(msg)
        cluster = Cluster(
            address=_web(call.kubeflow, "--kubeflow"),
            monitor=_web(call.address, "--address"),
            namespace=call.kubeflow_namespace,
            pipeline=call.kubeflow_pipeline,
            token_file=call.kubeflow_token_file,
            experiment=call.kubeflow_experiment,
            service_account=call.kubeflow_service_account,
            parameters=_parameters(call.parameter),
        )
    return Settings(
        state=call.state,
        cluster=cluster,
        address=_web(call.address, "--address") if call.address else "",
        token_file=call.alert_token_file,
        by=call.retrain,
        notify=environment.get(ADDRESS_VARIABLE, ""),
    )


def _parameters(stated: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for assignment in stated:
        name, equals, value = assignment.partition("=")
        if not equals or not name.isidentifier() or name in _KNOWN:
            msg = (
                f"--parameter {name!r}: expected NAME=VALUE of a pipeline's parameter that is none "
                f"of {', '.join(_KNOWN)}, which the monitor sets"
            )
            raise DeployError(msg)
        found[name] = value
    return found


def _web(address: str, option: str) -> str:
    if address.startswith(("http://", "https://")) and "@" not in address:
        return address.rstrip("/")
    msg = f"{option} {address!r}: expected http://HOST:PORT or https://HOST, without credentials"
    raise DeployError(msg)

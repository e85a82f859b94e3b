"""How served models fare, asked of the running monitor: drift, quality, alerts, retraining."""

import json
from dataclasses import dataclass, field
from http.client import HTTPException
from socket import gaierror
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from pipelines.local.ports import HOST
from pipelines.local.record import read_record
from pipelines.local.state import State

_TIMEOUT_S = 5.0
_MOST_BYTES = 16 << 20
_JSON = "application/json"
_SHOWN = 3
_DRIFT = ("drift-rows", "drift-time")


@dataclass
class Watch:
    """A monitor; without an address it does not run.

    Attributes:
        address: of it; empty for none.
        fault: why it could not be asked of a model; it is asked of no other one then, since each
            question to one that is silent would take as long.
    """

    address: str
    fault: str = field(default="", init=False)

    def lines(self, model: str) -> list[str]:
        """Says in a few lines how a model fares.

        Args:
            model: the model's name.

        Returns:
            Lines to print; that the monitor does not run or answer is one too.
        """
        if not self.address:
            return ["watched by no monitor now: kubeloop run SPEC --keep keeps one running"]
        if self.fault:
            return [self.fault]
        start = f"the monitor at {self.address}"
        try:
            return _lines(_ask(f"{self.address}/v1/models/{quote(model)}"))
        except HTTPError as exc:
            with exc:
                # It knows no such model, which it says as itself.
                unknown = exc.code == 404 and exc.headers.get_content_type() == _JSON
            return [] if unknown else [f"{start} answered {exc.code}: is it a monitor?"]
        except (OSError, HTTPException) as exc:
            self.fault = f"{start} cannot be asked: {_reason(exc)}"
            return [self.fault]
        except (ValueError, KeyError, TypeError, AttributeError):
            return [f"{start} answers what no monitor does"]


def find_watch(state: State) -> Watch:
    """Finds the monitor of a state folder.

    Raises:
        StateError: the record of its services is damaged.
    """
    record = read_record(state)
    running = "monitor" in record and "ports" in record
    return Watch(f"http://{HOST}:{record['ports']['monitor']}" if running else "")


def _ask(url: str) -> Any:
    with urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        return json.loads(answer.read(_MOST_BYTES))


def _reason(exc: BaseException) -> str:
    """Why nothing came, in the system's words and in one line."""
    cause = getattr(exc, "reason", exc)
    if isinstance(cause, TimeoutError):
        return f"no answer in {_TIMEOUT_S:g} s"
    if isinstance(cause, gaierror):
        return "nobody knows its host"
    if isinstance(cause, HTTPException | ConnectionResetError):
        return "it ended the connection in the middle, or speaks no HTTP"
    words = (isinstance(cause, OSError) and cause.strerror) or str(cause)
    return " ".join(words.split())


def _lines(document: dict[str, Any]) -> list[str]:
    return [*_verdicts(document), *_alerts(document), *_retraining(document)]


def _verdicts(document: dict[str, Any]) -> list[str]:
    """The verdicts on the version that was judged last: what happened to older ones is past."""
    by_version = document.get("verdicts") or {}
    if not by_version:
        return []
    version = max(
        by_version, key=lambda number: max(v["judged"] for v in by_version[number].values())
    )
    found = by_version[version]
    lines = [_drift(version, kind, found[kind]) for kind in _DRIFT if kind in found]
    if "quality" in found:
        lines.append(_quality(version, found["quality"]))
    return lines


def _drift(version: str, kind: str, verdict: dict[str, Any]) -> str:
    drifted = {n: c["psi"] for n, c in verdict["features"].items() if c["status"] != "ok"}
    strongest = sorted(drifted.items(), key=lambda entry: -entry[1])[:_SHOWN]
    named = ", ".join(f"{name} {psi:.2f}" for name, psi in strongest)
    window = f"{verdict['rows']} rows to {_minute(verdict['end'])}"
    said = f"version {version} drift by {kind.removeprefix('drift-')}: {verdict['status']}, "
    said += f"{len(drifted)} of {len(verdict['features'])} features in {window}"
    return f"{said}; PSI {named}" if named else said


def _quality(version: str, verdict: dict[str, Any]) -> str:
    # Those with a limit of the spec's are what the user asked about.
    metrics = sorted(verdict["metrics"].items(), key=lambda entry: entry[1]["threshold"] is None)
    named = ", ".join(
        f"{name} {m['value']:.3f} ({m['low']:.3f} to {m['high']:.3f})"
        for name, m in metrics[:_SHOWN]
    )
    rows = f"{verdict['rows']} labelled rows to {_minute(verdict['end'])}"
    return f"version {version} quality: {verdict['status']} on {rows}" + (named and f"; {named}")


def _alerts(document: dict[str, Any]) -> list[str]:
    firing = [a for a in document.get("alerts") or () if a["status"] == "firing"]
    names = list(dict.fromkeys(f"{a['name']} ({a['severity']})" for a in firing))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"alerts firing: {', '.join(names[:_SHOWN])}{more}"] if names else []


def _retraining(document: dict[str, Any]) -> list[str]:
    return [
        f"retraining {_minute(d['decided'])} for {d['reason']}: {d['outcome']}; {d['why']}"
        for d in (document.get("retraining") or ())[:_SHOWN]
    ]


def _minute(moment: str) -> str:
    """An RFC 3339 time without its fraction."""
    return moment.partition(".")[0] + "Z"

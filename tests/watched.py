"""A served model with its reference, the events that its server writes of requests, and the truth.

Everything is made by the parts that make it in life: the bundle's model answers, `package` tells
its training data, and the server's own writer writes the events.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.package.reference import category_counts, number_bins
from components.serve import v1
from components.serve.cloud_event import Answered, write_events
from components.serve.limits import Limits
from components.serve.runtime import open_model
from tests.bundles import CITIES

START = 1_795_176_000.0


class Watched:
    """A model in service, with requests by seed.

    Args:
        bundle: the folder of one that `tests.bundles.build` made.
        version: that it is served as.
        seed: of the requests.
        monitor: the spec's section `monitor`.
    """

    def __init__(self, bundle: Path, *, version: int = 3, seed: int = 1, **monitor: Any) -> None:
        self.model = open_model(bundle, version)
        self._random = np.random.default_rng(seed)
        self._monitor = monitor

    def registration(self) -> dict[str, Any]:
        """The body of `PUT /v1/models/churn/versions/V`, as `deploy` sends it."""
        rows = self._rows(np.random.default_rng(99), 5000)
        train = self._answer("r", rows, START, 0.001)
        features = {
            "age": number_bins(np.array([row[0] for row in rows], dtype=np.float32)),
            "income": number_bins(_nullable([row[1] for row in rows])),
            "city": category_counts([row[2] or "" for row in rows]),
            "plan": category_counts([row[3] for row in rows]),
        }
        found = train.prediction
        if found.values is not None:
            prediction = number_bins(found.values)
        else:
            prediction = category_counts([str(label) for label in found.labels or ()])
        bundle = json.loads(self.model.manifest.model_dump_json())
        bundle["spec"] = {
            "name": self.model.name,
            "task": bundle["task"],
            "target": "Churn",
            "monitor": self._monitor,
        }
        reference = {"format": 1, "rows": 5000, "features": features, "prediction": prediction}
        return {"bundle": bundle, "reference": reference}

    def events(
        self,
        requests: int,
        prefix: str,
        *,
        rows: int = 1,
        older: float = 0.0,
        poorer: float = 1.0,
        start: float = START,
    ) -> list[dict[str, Any]]:
        """Events of requests, a tenth of a second apart.

        Args:
            requests: how many.
            prefix: of their ids.
            rows: of each.
            older: years that people are older than in training.
            poorer: what their income is divided by.
            start: seconds since 1970.
        """
        answered = []
        for at in range(requests):
            found = self._rows(self._random, rows)
            for row in found:
                row[0] += older
                row[1] = None if row[1] is None else row[1] / poorer
            seconds = 0.001 * (1 + at % 10)
            answered.append(self._answer(f"{prefix}-{at}", found, start + at / 10, seconds))
        return list(json.loads(b"[" + write_events(answered) + b"]")) if answered else []

    def labels(self, events: list[dict[str, Any]], *, wrong: float = 0.1) -> list[dict[str, Any]]:
        """Ground truth for one-row events that contradicts a share of the answers."""
        found = []
        for event in events:
            answer = event["data"]["labels"][0]
            other = "No" if answer == "Yes" else "Yes"
            label = other if self._random.random() < wrong else answer
            found.append({"id": event["id"], "label": label})
        return found

    def _answer(
        self, identity: str, rows: list[list[Any]], time: float, seconds: float
    ) -> Answered:
        read = v1.read({"instances": rows}, self.model.contract, Limits())
        return Answered(identity, self.model, read, self.model.predict(read), "v1", seconds, time)

    def _rows(self, random: np.random.Generator, count: int) -> list[list[Any]]:
        return [
            [
                float(random.uniform(18, 80)),
                None if random.random() < 0.1 else float(random.uniform(200, 9000)),
                str(random.choice(CITIES)),
                str(random.choice(["basic", "plus"])),
            ]
            for _ in range(count)
        ]


def _nullable(values: list[float | None]) -> NDArray[np.float64]:
    found = np.array(values, dtype=np.float64)
    return found.astype(np.float32).astype(np.float64)

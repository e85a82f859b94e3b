"""References and versions that the tests of the statistics share."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from components.monitor.statistics.binning import Reference, read_reference
from components.package.reference import category_counts, number_bins


def described(values: Any) -> dict[str, Any]:
    """What `package` writes of a feature: numbers as an array, categories as a list of texts."""
    return number_bins(values) if isinstance(values, np.ndarray) else category_counts(values)


@pytest.fixture
def reference() -> Callable[..., Reference]:
    """Builds a reference as a registered version has it, from the features' training values."""

    def build(
        features: Mapping[str, Any],
        answers: Any = None,
        *,
        classes: list[Any] | None = None,
        inputs: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Reference:
        columns = [
            {
                "name": name,
                "dtype": "float32" if isinstance(values, np.ndarray) else "string",
                **(inputs or {}).get(name, {}),
            }
            for name, values in features.items()
        ]
        document: dict[str, Any] = {"format": 1, "features": {}}
        document["features"] = {name: described(values) for name, values in features.items()}
        if answers is not None:
            document["prediction"] = described(answers)
        return read_reference(document, {"signature": {"inputs": columns}, "classes": classes})

    return build

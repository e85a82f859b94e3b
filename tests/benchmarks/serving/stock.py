"""The stock scikit-learn server's code path: KServe's own input, scikit-learn, KServe's own output.

A stand-in, because the stock sklearnserver pins scikit-learn 1.5 and loads pickles: the model is
the fitted pipeline from a skops file; everything else is KServe as it comes.

Run: `python -m tests.benchmarks.serving.stock --skops FILE --http_port N --grpc_port N`.
"""

import argparse
import warnings
from pathlib import Path
from typing import Any

import kserve
from kserve.utils.utils import get_predict_input, get_predict_response

from tests.benchmarks.serving.cases import MODEL
from tests.benchmarks.serving.models import load_pipeline


class Stock(kserve.Model):
    """What kserve's sklearnserver does with a request."""

    def __init__(self, skops: Path) -> None:
        super().__init__(MODEL)
        self._pipeline = load_pipeline(skops)
        self.ready = True

    def predict(self, payload: Any, headers: dict[str, str] | None = None) -> Any:
        result = self._pipeline.predict(get_predict_input(payload))
        return get_predict_response(payload, result, self.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    parser.add_argument("--skops", type=Path, required=True)
    options = parser.parse_args()
    # The pipeline was fitted without names; a warning a request would be charged to KServe.
    warnings.filterwarnings("ignore", message="X has feature names")
    kserve.ModelServer(http_port=options.http_port, grpc_port=options.grpc_port, workers=1).start(
        [Stock(options.skops)]
    )

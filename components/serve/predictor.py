"""A model as KServe sees it: what answers gRPC, and whatever else reaches KServe's own handlers."""

import logging
import time
from typing import Any

import kserve
from kserve import InferOutput, InferRequest, InferResponse
from kserve.model import InferenceVerb

from components.bundle import Prediction
from components.serve import v1, v2
from components.serve.accounting import Accounting
from components.serve.document import as_object, parse_object
from components.serve.identity import request_id
from components.serve.infer import Infer
from components.serve.limits import Limits
from components.serve.refusal import RefusalError, where
from components.serve.runtime import Model, Models
from components.serve.tensor import Tensor
from components.serve.v2_body import check_parameters, check_tensor
from components.serve.wire import JSON_TYPE, check_type

_LOG = logging.getLogger(__name__)


class Predictor(kserve.Model):  # type: ignore[misc]
    """Answers for one name with whichever version is in service."""

    def __init__(self, name: str, models: Models, accounting: Accounting, limits: Limits) -> None:
        """Keeps where the model is found.

        Args:
            name: the model's name.
            models: what serves.
            accounting: books every request.
            limits: of one request.
        """
        super().__init__(name)
        self._models = models
        self._accounting = accounting
        self._limits = limits

    async def healthy(self) -> bool:
        """Returns whether a version is in service."""
        return self._models.get(self.name) is not None

    def load(self) -> bool:
        """Returns whether a version is in service; KServe calls it where there is none."""
        return self._models.get(self.name) is not None

    def get_input_types(self) -> list[dict[str, Any]]:
        """Returns the columns with V2 datatypes."""
        return v2.describe_inputs(self._models.find(self.name).contract)

    def get_output_types(self) -> list[dict[str, Any]]:
        """Returns the outputs with V2 datatypes."""
        return v2.describe_outputs(self._models.find(self.name).manifest)

    async def __call__(
        self,
        body: Any,
        headers: dict[str, str] | None = None,
        verb: InferenceVerb = InferenceVerb.PREDICT,
    ) -> tuple[Any, dict[str, str]]:
        """Answers one request.

        Args:
            body: an `InferRequest`, or the object of a V1 body.
            headers: of the request, or gRPC's metadata.
            verb: predict; there is no explaining.

        Returns:
            An `InferResponse`, or the object of a V1 answer; and headers for the answer.
        """
        if verb is not InferenceVerb.PREDICT:
            msg = "the model does not explain"
            raise NotImplementedError(msg)
        started = time.perf_counter()
        protocol = "v1"
        if isinstance(body, InferRequest):
            protocol = "grpc" if body.from_grpc else "v2"
        model = self._models.get(self.name)
        in_flight = self._accounting.metrics.meter(model).in_flight
        in_flight.inc()
        try:
            return self._answer(body, headers or {}, protocol, started)
        except RefusalError as refusal:
            self._refused(model, protocol, refusal.status, started, refusal)
            # Both doors know it, over HTTP as a handler of KServe's application.
            raise
        except Exception as exc:
            _LOG.error("cannot answer: %s", where(exc))  # noqa: TRY400
            self._refused(model, protocol, 500, started, None)
            msg = "internal error; the server's log has its place"
            raise InferenceFailedError(msg) from None
        finally:
            in_flight.dec()

    def _answer(
        self, body: Any, headers: dict[str, str], protocol: str, started: float
    ) -> tuple[Any, dict[str, str]]:
        model = self._models.find(self.name)
        given = (headers.get("ce-id"), headers.get("x-request-id"))
        if protocol == "v1":
            document = _document(body, headers)
            identity = request_id(*given)
            rows = v1.read(document, model.contract, self._limits)
        else:
            identity = request_id(*given, body.id)
            tensors = [_tensor(*numbered) for numbered in enumerate(body.inputs)]
            if not body.from_grpc:
                check_parameters(body.parameters)
            rows = v2.read(tensors, model.contract, self._limits)
        prediction = model.predict(rows)
        answer: Any = {"predictions": v1.answers(prediction)}
        if protocol != "v1":
            answer = _response(model, body, prediction, identity)
        seconds = time.perf_counter() - started
        self._accounting.answered(
            model, rows, prediction, protocol=protocol, identity=identity, seconds=seconds
        )
        return answer, {"ce-id": identity}

    def _refused(
        self,
        model: Model | None,
        protocol: str,
        status: int,
        started: float,
        refusal: RefusalError | None,
    ) -> None:
        seconds = time.perf_counter() - started
        counts = None if refusal is None else refusal.counts
        self._accounting.refused(
            model, protocol=protocol, status=status, seconds=seconds, counts=counts
        )


class InferenceFailedError(RuntimeError):
    """A bug of ours; KServe answers it as an internal error."""


def _document(body: Any, headers: dict[str, str]) -> dict[str, Any]:
    """Reads a V1 body, which KServe leaves unread where it does not know the content type."""
    if isinstance(body, bytes):
        check_type(headers.get("content-type", JSON_TYPE))
        body = v1.unwrapped(parse_object(body))
    return as_object(body)


def _tensor(index: int, entry: Any) -> Tensor:
    """Takes a tensor out of KServe's own class, its raw bytes undecoded."""
    raw = entry._raw_data
    check_tensor(index, entry)
    values = None if raw is not None else entry.data
    tensor = Tensor(entry.name, entry.datatype, tuple(entry.shape), values, raw)
    tensor.check_text()
    return tensor


def _response(model: Model, request: Any, prediction: Prediction, identity: str) -> Any:
    asked = request.request_outputs or []
    wanted = [(entry.name, False) for entry in asked]
    chosen = v2.choose(Infer(identity, [], wanted), v2.answers(prediction))
    outputs = [
        InferOutput(
            output.name, list(output.array.shape), output.datatype, output.array.ravel().tolist()
        )
        for output, _ in chosen
    ]
    return InferResponse(
        identity,
        model.name,
        outputs,
        model_version=str(model.version),
        use_binary_outputs=request.use_binary_outputs,
        # Only over HTTP does each output say whether it is to be binary.
        requested_outputs=None if request.from_grpc else asked,
    )

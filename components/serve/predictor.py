"""A model as KServe sees it: what answers gRPC, and whatever else reaches KServe's own handlers."""

import logging
import time
import traceback
from pathlib import Path
from typing import Any

import kserve
from kserve import InferOutput, InferRequest, InferResponse
from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady
from kserve.model import InferenceVerb

from components.bundle import Prediction
from components.serve import v1, v2
from components.serve.accounting import Accounting
from components.serve.identity import request_id
from components.serve.limits import Limits
from components.serve.refusal import RefusalError
from components.serve.runtime import Model, Models
from components.serve.tensor import Tensor
from components.serve.v2_body import Infer

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
        return v2.describe_inputs(self._model().contract)

    def get_output_types(self) -> list[dict[str, Any]]:
        """Returns the outputs with V2 datatypes."""
        return v2.describe_outputs(self._model().manifest)

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
            raise _as_kserve(self.name, refusal) from None
        except Exception as exc:
            frame = traceback.extract_tb(exc.__traceback__)[-1]
            place = f"{Path(frame.filename).name}:{frame.lineno}"
            _LOG.error("cannot answer: %s at %s", type(exc).__name__, place)  # noqa: TRY400
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
            identity, size = request_id(*given), 0
            rows = v1.read(_object(body), model.contract, self._limits)
        else:
            identity = request_id(*given, body.id)
            tensors = [_tensor(entry) for entry in body.inputs]
            size = sum(map(_size, tensors))
            rows = v2.read(tensors, model.contract, self._limits)
        prediction = model.predict(rows)
        answer: Any = {"predictions": v1.answers(prediction)}
        if protocol != "v1":
            answer = _response(model, body, prediction, identity)
        seconds = time.perf_counter() - started
        self._accounting.answered(
            model,
            rows,
            prediction,
            protocol=protocol,
            identity=identity,
            seconds=seconds,
            size=size,
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

    def _model(self) -> Model:
        try:
            return self._models.find(self.name)
        except RefusalError as refusal:
            raise _as_kserve(self.name, refusal) from None


class InferenceFailedError(RuntimeError):
    """A bug of ours; KServe answers it as an internal error."""


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        msg = "the body must be a JSON object"
        raise RefusalError(msg)
    return body


def _tensor(entry: Any) -> Tensor:
    """Takes a tensor out of KServe's own class, its raw bytes undecoded."""
    raw = entry._raw_data
    values = None if raw is not None else list(entry.data or ())
    return Tensor(entry.name, entry.datatype, tuple(entry.shape), values, raw)


def _size(tensor: Tensor) -> int:
    if tensor.raw is not None:
        return len(tensor.raw)
    return sum(len(v) if isinstance(v, bytes | str) else 8 for v in tensor.values or ())


def _response(model: Model, request: Any, prediction: Prediction, identity: str) -> Any:
    wanted = {entry.name: False for entry in request.request_outputs or ()} or None
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
    )


def _as_kserve(name: str, refusal: RefusalError) -> Exception:
    """Finds the exception that KServe turns into the status, over HTTP and gRPC."""
    error: Any = InvalidInput(str(refusal))
    if refusal.status == 404:
        error = ModelNotFound(name)
    elif refusal.status == 503:
        error = ModelNotReady(name)
        # kserve's gRPC interceptor reads a reason that this class of its own does not have.
        error.reason = str(error)
    found: Exception = error
    return found

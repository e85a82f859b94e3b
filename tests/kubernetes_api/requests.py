"""From a request to its answer: may it be, which fault does it meet, what does it do."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.kubernetes_api.bodies import body_of, options_of, review_of
from tests.kubernetes_api.calls import Call, Hooks
from tests.kubernetes_api.deletion import Deletion
from tests.kubernetes_api.discovery import discover
from tests.kubernetes_api.faults import Fault, Faults
from tests.kubernetes_api.http_server import CutError, Exchange, Request
from tests.kubernetes_api.kinds import REVIEWS, Kinds
from tests.kubernetes_api.loops import Loop
from tests.kubernetes_api.refusals import RefusalError, not_found
from tests.kubernetes_api.resources import APPLY, Options, Resources
from tests.kubernetes_api.rights import Rights
from tests.kubernetes_api.store import Document, Store
from tests.kubernetes_api.targets import Target, target_of
from tests.kubernetes_api.upkeep import Upkeep
from tests.kubernetes_api.watching import Watches, listed

# Pod, container, whether of the one before; the text.
LogReader = Callable[[Document, str, bool], str]


class Server:
    """An API server without its socket."""

    def __init__(self, loop: Loop) -> None:
        """Starts empty."""
        self.kinds = Kinds()
        self.store = Store()
        self.resources = Resources(self.store)
        self.watches = Watches(self.store)
        self.rights = Rights()
        self.faults = Faults()
        self.hooks = Hooks()
        self.read_log: LogReader | None = None
        # What answers a request that is passed on to a Service.
        self.behind: Callable[[Any], Any] | None = None
        self.deletion = Deletion(self.store)
        self.upkeep = Upkeep(self.kinds, self.resources, self.deletion, loop)

    async def handle(self, exchange: Exchange) -> None:
        """Answers a request."""
        request = exchange.request
        try:
            target = target_of(request, self.kinds)
        except RefusalError as exc:
            await _refuse(exchange, exc)
            return
        place = self.hooks.begin(_call(target, request))
        # A client that has its answer finds it in the record too.
        exchange.before_sending = partial(self.hooks.settle, place)
        try:
            await self._answer(exchange, target, place)
        finally:
            for tell in self.hooks.inner:
                tell()
        self.hooks.tell("answered", place)

    async def _answer(self, exchange: Exchange, target: Target | None, place: int) -> None:
        request = exchange.request
        verb = target.verb if target else "get"
        fault = self.faults.meet(request.method, verb, request.target)
        self.hooks.tell("arrived", place)
        if fault and fault.kind == "hang":
            await fault.over.wait()
        try:
            if fault and not fault.acted:
                _strike(fault)
            if target and target.verb == "watch":
                self.rights.check(target)
                exchange.cut_after = fault.after_bytes if fault and fault.kind == "cut" else None
                self.hooks.tell("done", place)
                await self.watches.stream(exchange, target)
                return
            status, body, headers = self._act(request, target)
        except RefusalError as exc:
            self.hooks.tell("done", place)
            await _refuse(exchange, exc)
            return
        self.hooks.tell("done", place)
        if fault and fault.kind == "cut":
            exchange.cut_after = fault.after_bytes
        if fault and fault.refusal:
            await _refuse(exchange, fault.refusal)
            return
        await exchange.answer(status, body, headers)

    def _act(self, request: Request, target: Target | None) -> tuple[int, Any, dict[str, str]]:
        if target is None:
            found = discover(request.path, self.kinds) if request.method == "GET" else None
            if found is None:
                raise RefusalError(404)
            return 200, found, {}
        self.rights.check(target)
        if target.subresource == "proxy":
            if self.behind is not None:
                return 200, self.behind(body_of(request)), {}
            # It passes nothing on: no pod is reached from here.
            text = f'no endpoints available for service "{target.name}"'
            raise RefusalError(503, text, reason="ServiceUnavailable")
        if target.verb in ("get", "list"):
            return 200, self._read(request, target), {}
        if target.kind.kind in REVIEWS:
            return 201, self.rights.review(target.kind.kind, review_of(request, target)), {}
        body, options = body_of(request), options_of(request)
        status, answer = self._write(request, target, body, options)
        warnings = ", ".join(f'299 - "{text}"' for text in options.warnings)
        return status, answer, {"Warning": warnings} if warnings else {}

    def _read(self, request: Request, target: Target) -> Any:
        if target.verb == "list":
            return listed(self.store, target, request.query)
        found = self.store.get(target.key)
        if found is None:
            raise not_found(target.kind.group, target.kind.plural, target.name)
        if target.subresource != "log":
            return found
        return self._log(request, found)

    def _log(self, request: Request, pod: Document) -> str:
        query, text = request.query, ""
        if self.read_log is not None:
            text = self.read_log(pod, query.get("container", ""), request.flag("previous"))
        lines = text.splitlines(keepends=True)
        tail = min(int(query.get("tailLines") or len(lines)), len(lines))
        text = "".join(lines[len(lines) - tail :])
        return text[: int(query.get("limitBytes") or len(text))]

    def _write(
        self, request: Request, target: Target, body: Any, options: Options
    ) -> tuple[int, Document]:
        if target.verb == "create":
            return 201, self.resources.create(target, body, options)
        if target.verb == "update":
            return 200, self.resources.replace(target, body, options)
        if target.verb == "patch":
            form = request.headers.get("content-type", "").split(";")[0]
            if form != APPLY:
                return 200, self.resources.patch(target, body, form, options)
            existed = self.store.peek(target.key) is not None
            done = self.resources.apply(
                target, body, options, lambda: self.rights.check(target, "create")
            )
            return 200 if existed else 201, done
        if target.verb == "deletecollection":
            return 200, self._delete_all(request, target, body, options)
        uid = (self.store.peek(target.key) or {"metadata": {}})["metadata"].get("uid")
        left = self.deletion.delete(target, body, dry=options.dry)
        about = {"name": target.name, "group": target.kind.group, "kind": target.kind.plural}
        success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return 200, left or {**success, "details": {**about, "uid": uid}}

    def _delete_all(
        self, request: Request, target: Target, body: Any, options: Options
    ) -> Document:
        found = listed(self.store, target, {**request.query, "limit": "", "continue": ""})
        for item in found["items"]:
            metadata = item["metadata"]
            one = Target(target.kind, metadata.get("namespace", ""), metadata["name"], "", "delete")
            self.deletion.delete(one, body, dry=options.dry)
        return found


def _call(target: Target | None, request: Request) -> Call:
    if target is None:
        return Call("get", "", "", "", "", request.path)
    kind = target.kind
    return Call(
        target.verb, kind.group, kind.plural, target.subresource, target.namespace, target.name
    )


def _strike(fault: Fault) -> None:
    if fault.refusal:
        raise fault.refusal
    if fault.kind == "cut":
        raise CutError


async def _refuse(exchange: Exchange, refusal: RefusalError) -> None:
    after = refusal.retry_after
    headers = {} if after is None else {"Retry-After": str(after)}
    headers["Date"] = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    await exchange.answer(refusal.code, refusal.status(), headers)

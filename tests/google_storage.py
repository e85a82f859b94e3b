"""Google's storage as real servers on loopback: its objects, and the identity of a pod."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.web import Answer, Web

_OBJECTS = r"(/upload|/download)?/storage/v1/b/([^/]+)/o(?:/([^/]+))?"
_JSON = {"Content-Type": "application/json"}
_UNIT = 256 << 10


class Google(Web):
    """Google's storage by its JSON API: objects are listed, read, removed, and uploaded both ways.

    Source: https://cloud.google.com/storage/docs/json_api/v1 and
    https://cloud.google.com/storage/docs/performing-resumable-uploads.

    Attributes:
        objects: content by bucket and key.
        buckets: those that there are.
        answers: to every request, instead of its own, while there is one.
        bearer: the token that requests have to show; empty for none.
        takes: the most bytes of a piece of an upload that it keeps; 0 for all.
        began: resumable uploads that were begun, by their id: bucket, key, and what came so far.
        reached: set when the first piece of an upload has come.
        goes_on: pieces are answered while it is set.
    """

    def __init__(self, *buckets: str) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.buckets = set(buckets)
        self.answers: list[Answer] = []
        self.bearer = ""
        self.takes = 0
        self.began: dict[str, tuple[str, str, bytes]] = {}
        self.reached, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()
        super().__init__()

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if self.answers:
            return self.answers[0]
        if self.bearer and headers.get("Authorization") != f"Bearer {self.bearer}":
            return _refused(401, "Invalid Credentials")
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        found = re.fullmatch(
            r"(/upload|/download)?/storage/v1/b/([^/]+)/o(?:/([^/]+))?", parts.path
        )
        if not found or found[2] not in self.buckets:
            return _refused(404, "The specified bucket does not exist.")
        way, bucket, key = found[1], found[2], unquote(found[3] or "")
        if way == "/upload":
            if "upload_id" in query:
                return self._go_on(method, query["upload_id"], headers, body)
            return self._upload(bucket, query, headers, body)
        if method == "DELETE":
            gone = self.objects.pop((bucket, key), None)
            return (204, {}, b"") if gone is not None else _refused(404, "No such object")
        return self._read(bucket, key, query) if key else self._list(bucket, query)

    def _list(self, bucket: str, query: dict[str, str]) -> Answer:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        items, folders = [], set()
        for place, key in sorted(self.objects):
            if place != bucket or not key.startswith(prefix):
                continue
            below = key.removeprefix(prefix)
            if delimiter and delimiter in below:
                folders.add(f"{prefix}{below.partition(delimiter)[0]}{delimiter}")
            else:
                items.append(self._about(bucket, key))
        found = {"kind": "storage#objects", "items": items, "prefixes": sorted(folders)}
        return _json({name: value for name, value in found.items() if value})

    def _read(self, bucket: str, key: str, query: dict[str, str]) -> Answer:
        content = self.objects.get((bucket, key))
        if content is None:
            return _refused(404, f"No such object: {bucket}/{key}")
        if query.get("alt") == "media":
            return 200, {"Content-Type": "application/octet-stream"}, content
        return _json(self._about(bucket, key))

    def _upload(
        self, bucket: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> Answer:
        kind = query["uploadType"]
        if kind == "resumable":
            identity = f"upload-{len(self.began)}"
            self.began[identity] = bucket, json.loads(body)["name"], b""
            place = f"{self.url}/upload/storage/v1/b/{bucket}/o?uploadType=resumable"
            return 200, {"Location": f"{place}&upload_id={identity}"}, b""
        if kind != "multipart":
            return _refused(400, f"Unknown upload type {kind}")
        boundary = re.search(r'boundary="?([^";]+)', headers["Content-Type"])
        assert boundary
        mark = b"--" + boundary[1].encode()
        _, about, content, end = re.split(rb"(?:\r?\n)?" + re.escape(mark), body)
        assert end.strip() == b"--"
        key = json.loads(re.split(rb"\r?\n\r?\n", about, maxsplit=1)[1])["name"]
        self.objects[bucket, key] = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[1]
        return _json(self._about(bucket, key))

    def _go_on(self, method: str, identity: str, headers: dict[str, str], body: bytes) -> Answer:
        """Takes a piece of a resumable upload; what is not there to the end is no object."""
        if identity not in self.began:
            return _refused(404, "No such upload")
        if method == "DELETE":
            del self.began[identity]
            return 499, {}, b""
        self.reached.set()
        self.goes_on.wait(60)
        bucket, key, kept = self.began[identity]
        stated = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", headers["Content-Range"])
        assert stated
        begin, end = (int(stated[1]), int(stated[2])) if stated[1] else (len(kept), len(kept) - 1)
        if begin != len(kept) or len(body) != end + 1 - begin:
            return _refused(503, "the pieces do not fit")
        if stated[3] == "*" and len(body) % _UNIT:
            return _refused(400, "a piece that is not the last has a multiple of 256 KiB")
        kept += body[: self.takes or None]
        self.began[identity] = bucket, key, kept
        if stated[3] == "*" or len(kept) < int(stated[3]):
            return 308, {"Range": f"bytes=0-{len(kept) - 1}"} if kept else {}, b""
        del self.began[identity]
        self.objects[bucket, key] = kept
        return _json(self._about(bucket, key))

    def _about(self, bucket: str, key: str) -> dict[str, str]:
        content = self.objects[bucket, key]
        digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest())
        return {
            "kind": "storage#object",
            "name": key,
            "bucket": bucket,
            "size": str(len(content)),
            "md5Hash": digest.decode(),
            "updated": "2026-11-21T10:00:00.000Z",
            "timeCreated": "2026-11-21T10:00:00.000Z",
        }


class Metadata(Web):
    """What a pod asks for an identity of its own at Google's.

    Source: https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys.

    Attributes:
        identity: the token of it; empty where the pod has none.
    """

    def __init__(self) -> None:
        self.identity = "of-the-pod"
        super().__init__()

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        place = urlsplit(path).path.rstrip("/")
        account = "/computeMetadata/v1/instance/service-accounts/default"
        found: dict[str, Any] = {
            account: {"email": "runner@project.iam.gserviceaccount.com", "scopes": ["all"]},
            f"{account}/token": {"access_token": self.identity, "expires_in": 3600},
        }
        flavor = {"Metadata-Flavor": "Google"}
        if place.endswith("/project/project-id"):
            return 200, {**flavor, "Content-Type": "application/text"}, b"project"
        if not place:
            return 200, flavor, b"computeMetadata/\n"
        if place not in found or not self.identity:
            return 404, flavor, b"not found"
        return 200, {**flavor, **_JSON}, json.dumps(found[place]).encode()


def running_google(monkeypatch: pytest.MonkeyPatch, *buckets: str) -> Iterator[Google]:
    """Runs Google's storage for a fixture."""
    server = Google(*buckets)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    yield server
    server.close()


def running_metadata() -> Iterator[Metadata]:
    """Runs an identity's server for a fixture; `metadata_variables` name it."""
    server = Metadata()
    yield server
    server.close()


def metadata_variables(server: Metadata) -> dict[str, str]:
    """The variables that lead a process to it which has not imported Google's libraries yet."""
    host = urlsplit(server.url).netloc
    return {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host}


def _json(document: object) -> Answer:
    return 200, _JSON, json.dumps(document).encode()


def _refused(status: int, message: str) -> Answer:
    body = json.dumps({"error": {"code": status, "message": message}}).encode()
    return status, _JSON, body

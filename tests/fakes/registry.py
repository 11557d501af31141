"""A small registry in memory that can be told to misbehave, with a token server beside it.

with FakeRegistry() as registry:
    registry.fail("GET", r"/blobs/", cut(1000))      # the next such request breaks off
    registry.host                                     # localhost:<port>
    registry.seen                                     # every request: method, path, headers, bytes
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from ironhull.registry.together import unpacked

OCI_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    received: int = 0


Action = Callable[["_Handler"], bool]
"""Answers a request and returns True, or changes something and returns False to let it go on."""


@dataclass
class _Fault:
    method: str
    pattern: re.Pattern[str]
    action: Action
    times: int


@dataclass
class Upload:
    repository: str
    data: bytearray = field(default_factory=bytearray)


class FakeRegistry:
    def __init__(
        self,
        *,
        referrers_api: bool = True,
        chunk_min: int | None = None,
        page: int = 1000,
        login: tuple[str, str] | None = None,
        auth: str = "",
        token_seconds: int = 300,
        mounts: bool = True,
        ranges: bool = True,
        most_ranges: int = 1000,
        upload_status: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.referrers_api, self.chunk_min, self.page = referrers_api, chunk_min, page
        self.login, self.auth, self.token_seconds = login, auth, token_seconds
        self.mounts, self.ranges, self.upload_status = mounts, ranges, upload_status
        self.most_ranges = most_ranges
        """More at once are answered with the whole blob."""
        self.lie: Callable[[bytes, dict[str, str]], bytes] | None = None
        """Gives another body for an answer of ranges, and may change its headers."""
        self.whole_posts = True
        """Whether a blob may come in one POST; else that begins an upload."""
        self.takes_tags = False
        """Whether a manifest may get several tags by its digest."""
        self.takes_together = False
        """Whether many parts may come in one request, and conditions hold for tags."""
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: dict[str, Upload] = {}
        self.tokens: dict[str, str] = {}
        """With the scopes that each was asked for."""
        self.hides = 0
        """The status that says to who may only read that a repository is not there (401, 403)."""
        self.seen: list[Seen] = []
        self.order: list[str] = []
        """What became visible, in order: `blob <digest>`, `manifest <reference>`."""
        self.issued = 0
        self.realm = ""
        self.grants_push = True
        """Whether a token may push that was asked for so."""
        self._faults: list[_Fault] = []
        self._counter = 0
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.registry = self
        self._server.tls = tls
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.close_all()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._server.tls else 'http'}://{self.host}"

    def fail(self, method: str, pattern: str, action: Action, times: int = 1) -> None:
        """Let the next `times` requests that match be answered by `action`; first come first."""
        self._faults.append(_Fault(method, re.compile(pattern), action, times))

    def put_blob(self, repository: str, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[repository, digest] = data
        return digest

    def put_manifest(self, repository: str, tag: str, media_type: str, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        for reference in (tag, digest):
            self.manifests[repository, reference] = (media_type, data)
        return digest

    def requests(self, method: str, pattern: str) -> list[Seen]:
        return [s for s in self.seen if s.method == method and re.search(pattern, s.path)]

    @property
    def received(self) -> int:
        """Bytes of all blobs uploaded."""
        return sum(s.received for s in self.seen if "/blobs/" in s.path)

    def fault_for(self, method: str, path: str) -> Action | None:
        with self.lock:
            for fault in self._faults:
                if fault.times and fault.method == method and fault.pattern.search(path):
                    fault.times -= 1
                    return fault.action
        return None

    def new_id(self) -> str:
        with self.lock:
            self._counter += 1
            return str(self._counter)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    registry: FakeRegistry
    tls: ssl.SSLContext | None = None

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def get_request(self) -> Any:
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        self._open.discard(request)
        super().close_request(request)

    def close_all(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    seen: Seen

    def log_message(self, *arguments: Any) -> None:
        pass

    def handle_any(self) -> None:
        registry = self.server.registry
        self.registry = registry
        self.seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
        registry.seen.append(self.seen)
        self.left = int(self.headers.get("content-length") or 0)
        action = registry.fault_for(self.command, self.path)
        if action is not None and action(self):
            self.drain()
            return
        path = urlsplit(self.path)
        self.query = parse_qs(path.query)
        if path.path == "/token":
            self.token()
        elif self.authorized():
            self.route(path.path)
        self.drain()

    # Answers.

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.drain()
        self.send_response(status)
        headers = {"content-length": str(len(body)), **(headers or {})}
        if self.registry.takes_together:
            headers["ironhull-together"] = "1"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status: int, code: str, message: str = "") -> None:
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, {"content-type": "application/json"})

    def receive(self, limit: int | None = None) -> bytes:
        parts = []
        while self.left and (limit is None or limit > 0):
            data = self.rfile.read1(min(self.left, 65536 if limit is None else limit))
            if not data:
                break
            self.left -= len(data)
            self.seen.received += len(data)
            if limit is not None:
                limit -= len(data)
            parts.append(data)
        return b"".join(parts)

    def drain(self) -> None:
        while self.left:
            data = self.rfile.read1(min(self.left, 65536))
            if not data:
                break
            self.left -= len(data)

    def hang_up(self) -> None:
        self.left = 0
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    # Authorization.

    def authorized(self) -> bool:
        registry = self.registry
        sent = self.headers.get("authorization", "")
        if registry.auth == "basic":
            if sent == _basic(registry.login):
                return True
            challenge = 'Basic realm="fake"'
        elif registry.auth == "token":
            scopes = registry.tokens.get(sent.removeprefix("Bearer "))
            if scopes is not None and not self.hidden(scopes):
                return True
            if scopes is not None and registry.hides == 403:
                self.error(403, "DENIED", "requested access to the resource is denied")
                return False
            realm = registry.realm or f"{registry.url}/token"
            challenge = f'Bearer realm="{realm}",service="fake",scope="repository:x:pull"'
        else:
            return True
        body = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": "log in"}]}).encode()
        self.answer(401, body, {"www-authenticate": challenge})
        return False

    def hidden(self, scopes: str) -> bool:
        """Whether nothing may be seen of a repository with a token."""
        found = re.match(r"/v2/(.+)/(manifests|blobs|tags|referrers)/", self.path)
        if not self.registry.hides or found is None:
            return False
        there = any(name == found[1] for name, _ in self.registry.manifests)
        return not there and not (
            self.registry.grants_push and f"repository:{found[1]}:pull,push" in scopes
        )

    def token(self) -> None:
        registry = self.registry
        form = parse_qs(self.receive().decode()) if self.command == "POST" else {}
        if registry.login is not None:
            by_name = self.headers.get("authorization") == _basic(registry.login)
            by_token = form.get("refresh_token") == [registry.login[1]]
            if not by_name and not by_token:
                self.error(401, "UNAUTHORIZED", "wrong password")
                return
        registry.issued += 1
        token = f"token-{registry.new_id()}"
        asked = parse_qs(urlsplit(self.path).query).get("scope", [])
        registry.tokens[token] = " ".join([*asked, *form.get("scope", [])])
        body = json.dumps({"token": token, "expires_in": registry.token_seconds}).encode()
        self.answer(200, body, {"content-type": "application/json"})

    # The specification's routes.

    def route(self, path: str) -> None:
        for pattern, method in _ROUTES:
            if match := re.fullmatch(pattern, path):
                getattr(self, method)(*match.groups())
                return
        self.error(404, "UNSUPPORTED")

    def ping(self) -> None:
        self.answer(200, b"{}")

    def manifest(self, repository: str, reference: str) -> None:
        registry = self.registry
        if self.command == "PUT":
            self.put_manifest(repository, reference)
            return
        if self.command == "DELETE":
            found = registry.manifests.pop((repository, reference), None)
            self.answer(202) if found else self.error(404, "MANIFEST_UNKNOWN")
            return
        found = registry.manifests.get((repository, reference))
        if found is None:
            self.error(404, "MANIFEST_UNKNOWN", f"no {reference}")
            return
        media_type, data = found
        self.answer(
            200,
            data,
            {
                "content-type": media_type,
                "docker-content-digest": "sha256:" + hashlib.sha256(data).hexdigest(),
            },
        )

    def put_manifest(self, repository: str, reference: str) -> None:
        data, kind = self.receive(), self.headers["content-type"]
        if self.registry.takes_together and not self.wanted(repository, reference):
            self.error(412, "PRECONDITION_FAILED")
            return
        headers = self.stored(repository, reference, kind, data)
        if headers is None:
            return
        tags = self.query.get("tag", []) if self.registry.takes_tags else []
        for tag in tags:
            self.registry.put_manifest(repository, tag, kind, data)
            self.registry.order.append(f"manifest {tag}")
        self.answer(201, b"", headers | ({"oci-tag": ", ".join(tags)} if tags else {}))

    def wanted(self, repository: str, reference: str) -> bool:
        at = self.digest_at(repository, reference)
        there = f'"{at}"' if at else ""
        if self.headers["if-none-match"] == "*" and there:
            return False
        return self.headers["if-match"] in (None, there)

    def together(self, repository: str) -> None:
        if not self.registry.takes_together:
            self.error(404, "NOT_FOUND")
            return
        parts = unpacked(self.receive())
        for part in parts:
            if not part.media_type:
                self.registry.put_blob(repository, part.data)
                self.registry.order.append(f"blob {part.digest}")
            elif self.stored(repository, part.digest, part.media_type, part.data) is None:
                return
        given = []
        for part in parts:
            at = self.digest_at(repository, part.tags[0]) if part.tags else ""
            if self.registry.takes_tags and part.match in (None, at):
                for tag in part.tags:
                    self.registry.put_manifest(repository, tag, part.media_type, part.data)
                    self.registry.order.append(f"manifest {tag}")
                given += part.tags
        self.answer(201, headers={"oci-tag": ", ".join(given)} if given else {})

    def digest_at(self, repository: str, reference: str) -> str:
        found = self.registry.manifests.get((repository, reference))
        return f"sha256:{hashlib.sha256(found[1]).hexdigest()}" if found else ""

    def stored(
        self, repository: str, reference: str, kind: str, data: bytes
    ) -> dict[str, str] | None:
        """The headers that say so; None if it was refused."""
        registry = self.registry
        value = json.loads(data)
        parts = [value["config"], *value["layers"]] if "layers" in value else []
        for part in parts:
            if (repository, part["digest"]) not in registry.blobs:
                self.error(404, "MANIFEST_BLOB_UNKNOWN", part["digest"])
                return None
        for child in value.get("manifests", []):
            if (repository, child["digest"]) not in registry.manifests:
                self.error(404, "MANIFEST_UNKNOWN", child["digest"])
                return None
        registry.put_manifest(repository, reference, kind, data)
        registry.order.append(f"manifest {reference}")
        headers = {"docker-content-digest": "sha256:" + hashlib.sha256(data).hexdigest()}
        subject = value.get("subject")
        if subject and registry.referrers_api:
            headers["oci-subject"] = subject["digest"]
        return headers

    def blob(self, repository: str, digest: str) -> None:
        registry = self.registry
        data = registry.blobs.get((repository, digest))
        if data is None:
            self.error(404, "BLOB_UNKNOWN")
            return
        wanted = re.findall(r"(\d+)-(\d*)", self.headers.get("range", ""))
        if not wanted or not registry.ranges or len(wanted) > registry.most_ranges:
            self.answer(200, data, {"docker-content-digest": digest})
            return
        places = [(int(first), int(last or len(data) - 1)) for first, last in wanted]
        said = [f"bytes {first}-{last}/{len(data)}" for first, last in places]
        told = {"content-range": said[0]}
        body = data[places[0][0] : places[0][1] + 1]
        if len(places) > 1:
            told = {"content-type": "multipart/byteranges; boundary=xyz"}
            body = b"".join(
                f"\r\n--xyz\r\nContent-Range: {place}\r\n\r\n".encode() + data[first : last + 1]
                for (first, last), place in zip(places, said, strict=True)
            )
            body += b"\r\n--xyz--\r\n"
        if registry.lie is not None:
            body = registry.lie(body, told)
        self.answer(206, body, told)

    def begin(self, repository: str) -> None:
        registry = self.registry
        data = self.receive()
        whole = self.query.get("digest", [""])[0]
        if whole and registry.whole_posts:
            if whole != "sha256:" + hashlib.sha256(data).hexdigest():
                self.error(400, "DIGEST_INVALID", "another digest")
                return
            registry.blobs[repository, whole] = data
            registry.order.append(f"blob {whole}")
            self.answer(201, b"", {"location": f"/v2/{repository}/blobs/{whole}"})
            return
        digest = self.query.get("mount", [""])[0]
        other = self.query.get("from", [""])[0]
        if digest and registry.mounts and (other, digest) in registry.blobs:
            registry.blobs[repository, digest] = registry.blobs[other, digest]
            registry.order.append(f"blob {digest}")
            self.answer(201, b"", {"location": f"/v2/{repository}/blobs/{digest}"})
            return
        identity = registry.new_id()
        registry.uploads[identity] = Upload(repository)
        headers = {"location": f"/v2/{repository}/blobs/uploads/{identity}?state=a"}
        if registry.chunk_min is not None:
            headers["oci-chunk-min-length"] = str(registry.chunk_min)
        self.answer(202, b"", headers)

    def upload(self, repository: str, identity: str) -> None:
        registry = self.registry
        upload = registry.uploads.get(identity)
        if upload is None or upload.repository != repository:
            self.error(404, "BLOB_UPLOAD_UNKNOWN")
        elif self.command == "DELETE":
            del registry.uploads[identity]
            self.answer(204)
        elif self.command == "GET":
            self.state(upload, identity, 204) if registry.upload_status else self.error(404, "X")
        elif self.command == "PATCH":
            said = self.headers.get("content-range", "")
            start = int(said.partition("-")[0]) if said else len(upload.data)
            if start != len(upload.data):
                self.error(416, "BLOB_UPLOAD_INVALID", "not the next byte")
                return
            upload.data += self.receive()
            self.state(upload, identity, 202)
        else:
            upload.data += self.receive()
            digest = "sha256:" + hashlib.sha256(upload.data).hexdigest()
            if self.query["digest"] != [digest]:
                self.error(400, "DIGEST_INVALID", "another digest")
                return
            del registry.uploads[identity]
            registry.blobs[repository, digest] = bytes(upload.data)
            registry.order.append(f"blob {digest}")
            self.answer(201, b"", {"location": f"/v2/{repository}/blobs/{digest}"})

    def state(self, upload: Upload, identity: str, status: int) -> None:
        self.answer(
            status,
            b"",
            {
                "location": f"/v2/{upload.repository}/blobs/uploads/{identity}?state=b",
                "range": f"0-{max(len(upload.data) - 1, 0)}",
            },
        )

    def tags(self, repository: str) -> None:
        registry = self.registry
        tags = sorted(
            reference
            for name, reference in registry.manifests
            if name == repository and ":" not in reference
        )
        if not tags:
            self.error(404, "NAME_UNKNOWN")
            return
        last = self.query.get("last", [""])[0]
        count = min(registry.page, int(self.query.get("n", ["1000"])[0]))
        rest = [tag for tag in tags if tag > last]
        headers = {"content-type": "application/json"}
        if len(rest) > count:
            following = f"/v2/{repository}/tags/list?n={count}&last={rest[count - 1]}"
            headers["link"] = f'<{following}>; rel="next"'
        body = json.dumps({"name": repository, "tags": rest[:count]}).encode()
        self.answer(200, body, headers)

    def referrers(self, repository: str, digest: str) -> None:
        registry = self.registry
        if not registry.referrers_api:
            self.answer(404, b"404 page not found", {"content-type": "text/plain"})
            return
        found = []
        for (name, reference), (media_type, data) in registry.manifests.items():
            value = json.loads(data)
            subject = value.get("subject", {}).get("digest")
            if name == repository and ":" in reference and subject == digest:
                found.append(
                    {
                        "mediaType": media_type,
                        "digest": reference,
                        "size": len(data),
                        "artifactType": value.get("artifactType"),
                        "annotations": value.get("annotations", {}),
                    }
                )
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found})
        self.answer(200, body.encode(), {"content-type": OCI_INDEX})


for _verb in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"):
    setattr(_Handler, f"do_{_verb}", _Handler.handle_any)

_ROUTES = [
    (r"/v2/?", "ping"),
    (r"/v2/(.+)/_ironhull/together", "together"),
    (r"/v2/(.+)/manifests/([^/]+)", "manifest"),
    (r"/v2/(.+)/blobs/uploads/", "begin"),
    (r"/v2/(.+)/blobs/uploads/([^/]+)", "upload"),
    (r"/v2/(.+)/blobs/([^/]+)", "blob"),
    (r"/v2/(.+)/tags/list", "tags"),
    (r"/v2/(.+)/referrers/([^/]+)", "referrers"),
]


def _basic(login: tuple[str, str] | None) -> str:
    return "Basic " + base64.b64encode(":".join(login or ("", "")).encode()).decode()


# Ways to misbehave.


def says(status: int, body: bytes = b"", **headers: str) -> Action:
    """Another answer; header names with _ for -."""

    def action(handler: _Handler) -> bool:
        handler.answer(status, body, {k.replace("_", "-"): v for k, v in headers.items()})
        return True

    return action


def cut(after: int) -> Action:
    """The blob's headers and its first bytes, then nothing."""

    def action(handler: _Handler) -> bool:
        _, _, rest = handler.path.partition("/v2/")
        repository, _, digest = rest.partition("/blobs/")
        data = handler.registry.blobs[repository, digest]
        wanted = re.fullmatch(r"bytes=(\d+)-\d*", handler.headers.get("range", ""))
        start = int(wanted[1]) if wanted else 0
        handler.send_response(206 if wanted else 200)
        if wanted:
            handler.send_header("content-range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("content-length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start : start + after])
        handler.hang_up()
        return True

    return action


def swallow(after: int) -> Action:
    """Take the first bytes of an upload, keep them, and hang up."""

    def action(handler: _Handler) -> bool:
        identity = urlsplit(handler.path).path.rpartition("/")[2]
        handler.registry.uploads[identity].data += handler.receive(after)
        handler.hang_up()
        return True

    return action


def garbage(handler: _Handler) -> bool:
    """Something that is not HTTP."""
    handler.wfile.write(b"\x00\xffwhat do you want?\r\n\r\n")
    handler.hang_up()
    return True


def hang_up(handler: _Handler) -> bool:
    handler.hang_up()
    return True


def forget_tokens(handler: _Handler) -> bool:
    """Let every token have expired, then go on."""
    handler.registry.tokens.clear()
    return False

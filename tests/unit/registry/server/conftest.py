"""A registry in a temporary folder, asked through ASGI."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.asgi import Answer, ask

from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_CONFIG, OCI_EMPTY, OCI_LAYER_TAR, OCI_MANIFEST
from ironhull.registry.server.access import Access
from ironhull.registry.server.app import application
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.registry import Registry
from ironhull.registry.server.request_log import RequestLog
from ironhull.registry.server.uploads import Uploads
from ironhull.store.layout import ImageLayout


def described(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def manifest(
    config: bytes = b"{}", layers: Sequence[bytes | dict[str, Any]] = (b"layer",), **more: Any
) -> bytes:
    """An image manifest of these blobs; a layer may be a descriptor of its own."""
    value = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(config, OCI_CONFIG),
        "layers": [
            described(layer, OCI_LAYER_TAR) if isinstance(layer, bytes) else layer
            for layer in layers
        ],
        **more,
    }
    return canonical(value)


@dataclass
class Site:
    """One registry, and short ways to ask it."""

    registry: Registry
    app: Any
    stream: io.StringIO

    @property
    def layout(self) -> ImageLayout:
        return self.registry.contents.layout

    def ask(self, method: str, url: str, **more: Any) -> Answer:
        return ask(self.app, method, url, **more)

    def push_blob(self, repository: str, data: bytes) -> Digest:
        digest = digest_of(data)
        answer = self.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", body=data)
        assert answer.status == 201, answer.body
        return digest

    def put_manifest(
        self, repository: str, reference: str, raw: bytes, media_type: str = OCI_MANIFEST
    ) -> Answer:
        url = f"/v2/{repository}/manifests/{reference}"
        return self.ask("PUT", url, body=raw, headers={"content-type": media_type})

    def push_image(self, repository: str, tag: str, layer: bytes = b"layer", **more: Any) -> Digest:
        for data in (b"{}", layer):
            self.push_blob(repository, data)
        raw = manifest(layers=(layer,), **more)
        answer = self.put_manifest(repository, tag, raw)
        assert answer.status == 201, answer.body
        return digest_of(raw)

    def push_referrer(self, repository: str, subject: Digest, kind: str, size: int = 1) -> Digest:
        """An artifact without layers that refers to the subject."""
        self.push_blob(repository, b"{}")
        raw = canonical(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": kind,
                "config": described(b"{}", OCI_EMPTY),
                "layers": [],
                "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": size},
                "annotations": {"who": "tests"},
            }
        )
        answer = self.put_manifest(repository, digest_of(raw), raw)
        assert answer.status == 201, answer.body
        assert answer.headers["oci-subject"] == subject
        return digest_of(raw)

    def age(self, seconds: float = 10**6) -> None:
        """Make everything on disk older."""
        for path in self.layout.root.rglob("*"):
            status = path.stat()
            os.utime(path, (status.st_atime, status.st_mtime - seconds))


def make_site(
    root: Path,
    *,
    limits: Limits | None = None,
    auth: Path | None = None,
    read_only: bool = False,
    as_json: bool = False,
) -> Site:
    limits = limits or Limits(reserve=0)
    stream = io.StringIO()
    contents = Contents(ImageLayout(root, create=not read_only), limits)
    registry = Registry(
        contents=contents,
        uploads=Uploads(contents, limits),
        access=Access(auth),
        limits=limits,
        log=RequestLog(stream, as_json=as_json),
        read_only=read_only,
    )
    return Site(registry, application(registry), stream)


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """These stores need not outlive a power cut; that a sync is asked for, test_order says."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda descriptor: None)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    """`make(**options)`: a Site over `tmp_path/store`; several are several runs of the server."""
    made: list[Site] = []

    def build(**options: Any) -> Site:
        made.append(make_site(tmp_path / "store", **options))
        return made[-1]

    yield build
    for site in made:
        site.registry.uploads.close()
        site.registry.writers.shutdown()
        site.registry.logins.close()


@pytest.fixture
def site(make: Any) -> Site:
    made: Site = make()
    return made


@pytest.fixture
def kit() -> Any:
    """`manifest` and `described` for tests that write their own documents."""

    class Kit:
        pass

    kit: Any = Kit()
    kit.manifest, kit.described = manifest, described
    kit.sha = lambda data: "sha256:" + hashlib.sha256(data).hexdigest()
    kit.dump = lambda value: json.dumps(value).encode()
    return kit

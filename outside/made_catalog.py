"""A small catalog made of nothing: tags in a layout, and facts about them in an index.

node:20, 20-dev and 20-standard; python:3.13, whose tag moved to a build without CVE-2026-0002;
nginx:1.26, which nobody scanned; and team/secret:1, which is private by `USERS`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bcrypt

from ironhull.catalog.facts import (
    BuildFacts,
    DayCount,
    FindingFacts,
    InputFacts,
    LayerFacts,
    PackageFacts,
    PlatformFacts,
    ProvenanceFacts,
    ScanFacts,
    Status,
)
from ironhull.catalog.index import CatalogIndex
from ironhull.catalog.live import Live, Nothing
from ironhull.catalog.pages import Site
from ironhull.catalog.rates import Rates
from ironhull.catalog.web import CatalogSite
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.media_types import OCI_INDEX
from ironhull.registry.server.access import Access
from ironhull.registry.server.app import application
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.registry import Registry
from ironhull.registry.server.request_log import RequestLog
from ironhull.registry.server.uploads import Uploads
from ironhull.store.layout import ImageLayout

BEFORE, NOW = "2026-11-20T08:00:00Z", "2026-11-28T08:00:00Z"
HOSTILE = '<script>document.title="caught"</script><img src=x onerror="document.title=1">'
PASSWORD = "correct horse"


def users(path: Path) -> Path:
    """A users file: strangers see all but team/*, alice sees everything."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    path.write_text(
        '[anonymous]\nrole = "pull"\nrepositories = ["node", "python", "nginx", "public/*"]\n'
        f'[users.alice]\npassword = "{hashed}"\nrole = "pull"\n'
    )
    return path


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def package(name: str, version: str, **more: Any) -> PackageFacts:
    given = PackageFacts(
        name,
        version,
        "deb",
        name,
        version,
        "amd64",
        ("MIT",),
        f"/var/lib/dpkg/status.d/{name}",
        digest(name),
        "asked for by the definition",
    )
    return replace(given, **more)


def finding(identifier: str, name: str, status: Status = "affected", **more: Any) -> FindingFacts:
    cleared = status == "not_affected"
    given = FindingFacts(
        id=identifier,
        package=name,
        version="1",
        source=name,
        type="deb",
        location="",
        severity="high",
        status=status,
        why=f"{name} 1 is earlier than 2, which fixes it",
        advice="nothing" if cleared else f"update {name} to 2",
        justification="vulnerable_code_not_present" if cleared else "",
        statement="the module is not built" if cleared else "",
        evidence="ironhull:evidence" if cleared else "",
        fix_state="fixed",
        fixed_version="2",
        cvss=8.1,
        exploited=False,
        title="a flaw",
        published="2026-11-01",
        feed="debian-tracker",
    )
    return replace(given, **more)


def build(name: str, packages: Sequence[PackageFacts], **more: Any) -> BuildFacts:
    """A build of one platform with a layer for each package; `name` makes its digests."""
    layers = tuple(
        LayerFacts(each.layer, 1000, 3000, 5, "ironhull", (f"{each.name} {each.version}",))
        for each in packages
    )
    platform = PlatformFacts(
        "linux/amd64",
        digest(f"manifest {name}"),
        BEFORE,
        "debian-13",
        sum(layer.size for layer in layers),
        9000,
        12,
        "1000:1000",
        (),
        ("node",),
        "/app",
        (),
        ("PATH",),
        {},
        0,
        0,
        0,
        tuple(packages),
        layers,
    )
    made = InputFacts("node/20.yaml", "ironhull:source/node/20.yaml", digest("definition"))
    provenance = ProvenanceFacts(
        "https://builder.example",
        "https://ironhull.io/build/v1",
        made,
        replace(made, name="node/20.lock.json"),
        (),
        (InputFacts("InRelease of debian trixie", "ironhull:release/debian", digest("release")),),
        tuple(
            InputFacts(f"{each.name}_{each.version}_amd64.deb", "pkg:deb", each.layer)
            for each in packages
        ),
    )
    given = BuildFacts(
        digest(name),
        OCI_INDEX,
        BEFORE,
        "Node.js 20",
        "Node.js alone; no shell, not root",
        "20.19",
        "runtime",
        "",
        "debian-13",
        "2030-06-30",
        (platform,),
        provenance,
    )
    return replace(given, **more)


def scan(of: BuildFacts, *findings: FindingFacts, **more: Any) -> ScanFacts:
    given = ScanFacts(of.platforms[0].digest, NOW, BEFORE, "complete", (), findings)
    return replace(given, **more)


LIBC, NODE = package("libc6", "2.41"), package("nodejs", "20.19", why="asked for")
BASH = package("bash", "5.2", why="needed by nodejs")
NODE_20 = build("node 20", [LIBC, NODE])
NODE_DEV = build("node dev", [LIBC, NODE, BASH], variant="dev", title="Node.js 20 (dev)")
STANDARD = build("node standard", [LIBC, NODE, BASH, package("curl", "8")], flavor="standard")
OLD_PYTHON = build("python old", [LIBC, package("openssl", "1")], title="Python 3.13")
PYTHON = build(
    "python", [LIBC, package("openssl", "2")], title="Python 3.13", description="Python alone"
)
NGINX = build("nginx", [LIBC, package("nginx", "1.26")], title="nginx", description="nginx alone")
SECRET = build("secret", [LIBC, package("tellnobody", "7")], title="Secret", description="hush")


@dataclass
class FakeCatalog:
    """The tags and the index, and short ways to fill them."""

    layout: ImageLayout
    index: CatalogIndex

    def add(self, of: BuildFacts, scanned: ScanFacts | None, *names: str) -> None:
        """Let names point at a build, and keep what is known of it."""
        descriptor = Descriptor(OCI_INDEX, Digest(of.digest), 500)
        self.layout.tag(descriptor, list(names))
        self.index.put(of)
        if scanned is not None:
            self.index.put_scan(scanned, "")

    def saw(self, at: str) -> None:
        """Look at where all tags point, as at that moment."""
        listed: dict[str, dict[str, str]] = {}
        for each in self.layout.descriptors():
            name = each.annotations["org.opencontainers.image.ref.name"]
            repository, _, tag = name.rpartition(":")
            listed.setdefault(repository, {})[tag] = each.digest
        for repository, tags in listed.items():
            self.index.saw_tags(repository, tags, at)


def fill(catalog: FakeCatalog) -> None:
    """All that this module's docstring tells of."""
    first, second = "CVE-2026-0001", "CVE-2026-0002"
    catalog.add(
        NODE_20, scan(NODE_20, finding(first, "libc6", "not_affected")), "node:20", "node:20.19"
    )
    dev = scan(NODE_DEV, finding(first, "libc6"), finding("CVE-2026-0003", "bash", severity="low"))
    catalog.add(NODE_DEV, dev, "node:20-dev")
    catalog.add(
        STANDARD,
        scan(STANDARD, finding(first, "libc6"), finding(second, "curl")),
        "node:20-standard",
    )
    catalog.add(OLD_PYTHON, scan(OLD_PYTHON, finding(second, "openssl")), "python:3.13")
    catalog.add(NGINX, None, "nginx:1.26")
    catalog.add(SECRET, scan(SECRET, finding(first, "tellnobody")), "team/secret:1")
    catalog.saw(BEFORE)
    catalog.add(PYTHON, scan(PYTHON), "python:3.13")
    catalog.saw(NOW)
    for number, raw in (("26", 3), ("27", 2), ("28", 1)):
        day = f"2026-11-{number}"
        counts = DayCount(day, "20", raw, raw - 1), DayCount(day, "20-standard", 40, 30 + raw)
        catalog.index.counted(("node", each) for each in counts)


def fake_catalog(root: Path, index: Path | str = ":memory:") -> FakeCatalog:
    """The filled catalog over a layout in a folder."""
    made = FakeCatalog(ImageLayout(root, create=True), CatalogIndex(index))
    fill(made)
    return made


def catalog_app(
    catalog: FakeCatalog,
    auth: Path | None = None,
    live: Live | None = None,
    rates: Rates | None = None,
) -> Any:
    """The registry with the catalog's pages, as an ASGI application."""
    limits = Limits()
    contents = Contents(catalog.layout, limits)
    registry = Registry(
        contents, Uploads(contents, limits), Access(auth), limits, RequestLog(io.StringIO())
    )
    site = Site(catalog.index, live or Nothing())
    return application(registry, CatalogSite(registry, site, rates=rates or Rates()))


def private_requests() -> list[tuple[str, str]]:
    """(method, path) of whatever may be asked about the private image, in every way of asking."""
    name, tag, own = "team/secret", "1", digest("secret")
    image = f"{name}/-/{tag}"
    sections = ["", "/packages", "/vulnerabilities", "/layers", "/provenance", "/attestations"]
    sections += [
        "/changes",
        "/history",
        "/nothing",
        "/packages/2",
        "/vulnerabilities/2",
        "/layers/2",
    ]
    sections += [f"/changes?since={own}", "/packages?q=hush", "/vulnerabilities?q=CVE"]
    paths = [f"{root}/{image}{each}" for root in ("/images", "/api/v1/images") for each in sections]
    encoded = name.replace("/", "%2F")
    for root in ("/images", "/api/v1/images"):
        paths += [f"{root}/{each}" for each in (name, f"{name}/", f"{name}/-/2", encoded)]
        paths += [f"{root}/{each}?page=2" for each in (name, f"{image}/packages", image)]
    paths += [f"/feeds/{name}.atom", f"/feeds/{encoded}.atom"]
    registry = [f"manifests/{tag}", f"manifests/{own}", f"blobs/{own}", "tags/list"]
    registry += ["tags/list?n=1", "tags/list?n=0&last=0", f"referrers/{own}"]
    registry += [f"referrers/{own}?artifactType=x", "manifests/latest", "blobs/uploads/abc"]
    paths += [f"/v2/{name}/{each}" for each in registry]
    asked = [(method, path) for path in paths for method in ("GET", "HEAD")]
    asked += [("PUT", f"/v2/{name}/manifests/{tag}"), ("POST", f"/v2/{name}/blobs/uploads/")]
    asked += [("DELETE", f"/v2/{name}/{each}") for each in registry[:3]]
    asked += [("PATCH", f"/v2/{name}/blobs/uploads/abc"), ("PUT", f"/v2/{name}/blobs/uploads/abc")]
    asked += [
        ("POST", f"/v2/node/blobs/uploads/?mount={own}&from={each}") for each in (name, encoded)
    ]
    return asked

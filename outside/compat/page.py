"""docs/compatibility.md, written from the data of the last run; the words around are by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from outside.compat.model import JOBS
from outside.compat.scanners import REASONS, runtime_images

TARGET = Path(__file__).parents[2] / "docs/compatibility.md"
SHOWN_PLACE = {"api": "referrers API", "tag": "no API", "": "–"}
DEFAULTS = (
    (
        "Layers are zstd",
        "*pull zstd*: the engines here read them, docker 26.1 too, but for docker 20.10, which "
        "takes them for a broken tar: `--compression gzip` for it (*pull gzip*)",
        "definition/format.py",
    ),
    (
        "Entries of an index of zstd images have the annotation of containers/image",
        "*copy index*: skopeo 1.18 keeps the digest then, and else writes the index anew",
        "build/assemble.py",
    ),
    (
        "`--compression zstd:chunked` is an option",
        "*pull zstd:chunked*: who reads zstd reads it, whether it fetches parts or not",
        "chunked/format.py",
    ),
    (
        "VEX names the image by its index, by the manifest of the platform, and by the digest "
        "of its index alone",
        "*scan with OpenVEX*, *scan platform with OpenVEX* and *scan renamed image with "
        "OpenVEX*: grype looks for the digest that it was asked for",
        "vex/products.py",
    ),
    (
        "Without the API the list under the tag `sha256-…` is ours, with types and annotations",
        "*list by type* and *copy to the other kind* on *no API*",
        "registry/client/referrers.py",
    ),
    (
        "Signed bundles refer to the index and to each platform",
        "*verify signature* and *verify statements*: cosign finds them by either digest",
        "workspace/attesting.py",
    ),
    (
        "`ironhull copy` brings what refers to an image, and between registries what cosign's "
        "older form keeps under `sha256-….sig`, `.att` and `.sbom`",
        "*copy referrers*: skopeo and crane do not",
        "registry/client/transfer.py",
    ),
    (
        "One platform alone stands in an archive without an index",
        "*bundle* beside *flat archive*",
        "store/export.py",
    ),
    (
        "Two SBOMs, with a purl for each package; CycloneDX 1.5 is an option of `ironhull sbom`",
        "*read CycloneDX*, *read SPDX*; *scan CycloneDX 1.5* for older trivy",
        "sbom/cyclonedx.py",
    ),
    (
        "In SPDX the distribution is `SPDXRef-OperatingSystem` and contains its packages, and "
        "`sourceInfo` says a package's source and nothing else",
        "*scan SPDX*: trivy finds nothing otherwise, and ends well",
        "sbom/spdx.py",
    ),
)
"""A default, the rows that say why, and where below src/ironhull it is: there a row is named."""
HEAD = """\
# Who reads what we write

Each line was really run: one tool of one version doing one job with one publication of ours, an
image of two platforms with {statements} signed statements, {of_platform} of them about linux/amd64.
`make compat` runs what is missing and writes this page from
[compatibility.json](compatibility.json); what is not here was not run, and nothing is known of it.
Last run: {date}, with Ironhull {ironhull}.

*Digest* says whether the copy has the digest of the original; *found* counts what arrived or was
read, of what there was. *referrers API* is `ironhull serve`, *no API* is Debian's docker-registry,
which lists referrers under a tag.
"""
ADVICE = """\
## What follows

What we do by default, and the rows that say why:

{defaults}

How to do it right with other tools:

- Copying between registries: `ironhull copy`, `oras cp -r` or `regctl image copy --referrers`. What
  skopeo and crane copy has none of its statements, and they do not say so. skopeo 1.18 `copy --all`
  also writes an index of zstd images anew where its entries lack an annotation of its own, so that
  nothing signed names the copy; ours have it (*copy index*). cosign's older signatures, under tags
  like `sha256-….sig`, `ironhull copy` brings from registry to registry: a folder or an archive has
  no place for them. Signatures that such a tag has at the target alone are not taken away.
  Out of a layout that oras or Ironhull wrote, regctl copies nothing that refers to the image.
- After a push: `ironhull push --check` reads everything back as those tools do, and names what the
  registry lost. In a registry without the API, cosign 3.1 `clean` and `copy --force` take away the
  list of what refers to an image, everybody's; `ironhull push` once more writes it anew.
- A VEX of your own: one statement of a vulnerability and a product in a document, under one name.
  Of several, grype takes the oldest and trivy the newest; `ironhull vex lint` finds them.
- Scanning with grype and our VEX: give it the image in the registry (`grype
  registry:HOST/NAME:TAG --vex FILE`), see *scan with OpenVEX*. Under another name than it was built
  with, ask for the tag or the digest of the index and not for that of a platform.
- Scanning with an older trivy: give it the image, the SPDX SBOM, or `ironhull sbom NAME:TAG
  --format cyclonedx-1.5`. Of CycloneDX 1.6 it says nothing and ends with an error.
- Admission by sigstore's policy-controller with a key: it takes bundles of keyless authorities
  alone (*admit*). `ironhull policy export --for policy-controller` writes the policy that it
  accepts, and which signatures in the older form `cosign` has to put beside ours for it.
- An archive for a tool that asks which image is meant: name it (`oci-archive:bundle.tar:NAME:TAG`),
  or write one platform alone (`ironhull copy NAME:TAG flat.tar --platform linux/amd64
  --no-referrers`).
"""
SCANNERS = """\
## Scanners reach our number

{images} of the catalog's {of} runtime images (the toolbox and those that end in `-dev`, `-debug`,
`-compat` or `-standard` hold more, for people), each with four made-up vulnerabilities for each of
its source packages: without a fix, fixed later, fixed in the version that is there, and one that
Debian says its release does not have. All databases are made of the same records. *ours* counts
pairs of vulnerability and binary package that `ironhull scan` reports; with VEX, those it leaves.
"""


def page(data: dict[str, Any]) -> str:
    """The whole page."""
    parts = [HEAD.format(**data), "\n".join(tools(data)), ADVICE.format(defaults=defaults())]
    parts.append("\n".join(scanners(data["scans"])))
    for name, question in JOBS.items():
        rows = sorted((each for each in data["cells"] if each["job"] == name), key=_row_of)
        if rows:
            parts.append("\n".join(table(name, question, rows)))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def defaults() -> str:
    """What we do by default, as a table."""
    rows = ("| default | because of |", "|---|---|", *(f"| {a} | {b} |" for a, b, _ in DEFAULTS))
    return "\n".join(rows)


def tools(data: dict[str, Any]) -> Iterator[str]:
    """Which versions were at hand, and which were not."""
    yield "## Tools\n"
    yield "| tool | version | from | cells: yes, partly, no |"
    yield "|---|---|---|---|"
    for each in data["tools"]:
        does = [
            cell["does"]
            for cell in data["cells"]
            if (cell["tool"], cell["version"]) == (each["name"], each["version"])
        ]
        counts = ", ".join(str(does.count(word)) for word in ("yes", "partly", "no"))
        yield f"| {each['name']} | {each['version']} | {each['source']} | {counts} |"
    if data["missing"]:
        yield "\nUnknown, because they could not be had for this run: "
        yield "; ".join(f"{name} ({why})" for name, why in sorted(data["missing"].items())) + "."


def scanners(rows: list[dict[str, Any]]) -> Iterator[str]:
    """How near each scanner comes to our findings, summed over the images; reasons below."""
    yield SCANNERS.format(images=len({row["image"] for row in rows}), of=len(runtime_images()))
    yield "| scanner | asked of | images | ours | theirs | only theirs | only ours |"
    yield "|---|---|---|---|---|---|---|"
    reasons: dict[str, str] = {}
    for (tool, version, way), group in groupby(sorted(rows, key=_way_of), key=_way_of):
        each = list(group)
        counts = [sum(row[name] for row in each) for name in ("ours", "theirs", "more", "less")]
        yield f"| {tool} {version} | {way} | {len(each)} | {' | '.join(map(str, counts))} |"
        if any(counts[2:]):
            reasons[f"{tool} {version}, {way}"] = REASONS[tool, way]
    if reasons:
        yield "\nWhere they differ:\n"
        yield from (f"- {about}: {reason}." for about, reason in reasons.items())


def _row_of(cell: dict[str, Any]) -> tuple[str, str, str]:
    return cell["tool"], cell["version"], cell["place"]


def _way_of(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["tool"], row["version"], row["way"]


def table(name: str, question: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    """One job: a line for each tool, version and place."""
    yield f"## {name[0].upper()}{name[1:]}\n\nThe tool {question}.\n"
    yield "| tool | registry | does it | digest | found | what it says |"
    yield "|---|---|---|---|---|---|"
    for each in rows:
        says = each["says"].replace("|", "\\|").replace("<", "&lt;")
        yield (
            f"| {each['tool']} {each['version']} | {SHOWN_PLACE[each['place']]} | {each['does']} "
            f"| {each['digest'] or '–'} | {each['survive'] or '–'} | {says or '–'} |"
        )

"""A patched source package for the tests of this folder."""

from pathlib import Path

from ironhull.archive.sources import SourceFile, SourceStanza
from ironhull.debian.names import DebianVersion, SourceName
from ironhull.definition.model import Place
from ironhull.oci.digest import digest_of
from ironhull.oci.platform import Platform
from ironhull.patched.model import Patch, PatchedSource

AMD64 = Platform.parse("linux/amd64")
FILES = {"jbigkit_2.1-6.1.dsc": b"dsc", "jbigkit_2.1.orig.tar.gz": b"upstream"}


def definition(file: Path = Path("jbigkit.yaml"), **changes: object) -> PatchedSource:
    values = {
        "file": file,
        "place": Place(str(file), 2, 1),
        "source": SourceName("jbigkit"),
        "base": DebianVersion("2.1-6.1"),
        "revision": 1,
        "distribution": "debian-13",
        "codename": "trixie",
        "platforms": (AMD64,),
        "patches": (
            Patch("limit.patch", b"--- a\n", ("CVE-2017-9937",), "a limit", Place(str(file), 9, 5)),
        ),
        "profiles": ("nocheck",),
    }
    return PatchedSource(**(values | changes))  # type: ignore[arg-type]


def stanza(build_depends: str = "", files: dict[str, bytes] = FILES) -> SourceStanza:
    made = tuple(
        SourceFile(
            "jbigkit", "2.1-6.1", "source", digest_of(data), len(data),
            f"pool/main/j/jbigkit/{name}", "debian",
        )
        for name, data in sorted(files.items())
    )  # fmt: skip
    return SourceStanza("jbigkit", "2.1-6.1", made, build_depends)

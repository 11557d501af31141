"""A catalog that somebody described in JSON: facts of images whose definitions are not here.

```
{"registry": "dhi.io", "source": "where the facts were read", "images": [
  {"image": "node", "versions": ["22", "20"], "user": "node", "uid": 1000, "gid": 1000}, …]}
```
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import msgspec

from ironhull.errors import MalformedError
from ironhull.migrate.catalog.interface import ImageFacts

MAX_BYTES = 1 << 20


class _Image(msgspec.Struct, forbid_unknown_fields=True):
    """One image in all its versions; what is not said is the usual."""

    image: str
    versions: tuple[str, ...]
    """Newest first."""
    repository: str = ""
    """If it is not the image's name."""
    runtime: str = "{version}"
    """How tags of runtimes are made; empty: there is none."""
    dev: str = "{version}-dev"
    user: str = "nonroot"
    uid: int = 65532
    gid: int = 65532
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    work_dir: str = ""
    shell: bool = False
    libc: str = "glibc"
    package_manager: str = "apt"
    """Of the dev image."""
    programs: tuple[str, ...] = ()


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    registry: str
    source: str
    images: tuple[_Image, ...]


_DESCRIPTION = msgspec.json.Decoder(_Description)


@dataclass(frozen=True, slots=True)
class DescribedCatalog:
    """The images of a description."""

    registry: str
    source: str
    images: tuple[_Image, ...]
    extensible: bool = False

    def versions(self, image: str) -> tuple[str, ...]:
        """As `Catalog.versions`."""
        return next((each.versions for each in self.images if each.image == image), ())

    def find(self, image: str, version: str, *, dev: bool) -> ImageFacts | None:
        """As `Catalog.find`."""
        for each in self.images:
            tag = each.dev if dev else each.runtime
            if each.image == image and version in each.versions and tag:
                return self._facts(each, version, tag.format(version=version), dev)
        return None

    def _facts(self, image: _Image, version: str, tag: str, dev: bool) -> ImageFacts:
        repository = image.repository or image.image
        return ImageFacts(
            image=image.image,
            version=version,
            reference=f"{self.registry}/{repository}:{tag}",
            dev=dev,
            user="root" if dev else image.user,
            uid=0 if dev else image.uid,
            gid=0 if dev else image.gid,
            entrypoint=tuple(word.format(version=version) for word in image.entrypoint),
            cmd=image.cmd,
            work_dir=image.work_dir,
            shell=dev or image.shell,
            package_manager=image.package_manager if dev else "",
            libc=image.libc,
            programs=frozenset(image.programs),
        )


def read_description(data: bytes, name: str) -> DescribedCatalog:
    """The catalog of a description; MalformedError, naming the file, if it is none."""
    if len(data) > MAX_BYTES:
        raise MalformedError(f"{name}: a description of a catalog has at most {MAX_BYTES} bytes")
    try:
        read = _DESCRIPTION.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"{name}: no description of a catalog: {error}") from error
    return DescribedCatalog(read.registry.strip("/"), read.source, read.images)


def public_catalog() -> DescribedCatalog:
    """The public catalog of Docker Hardened Images, as its description here has it."""
    data = files(__package__).joinpath("public.json").read_bytes()
    return read_description(data, "public.json")

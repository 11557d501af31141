"""Images unpacked for the sandbox: once by digest, kept until the cache is pruned."""

from __future__ import annotations

from pathlib import Path

from ironhull.errors import EnvironmentProblem
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import hex_of
from ironhull.sandbox.inside import inside
from ironhull.store.files import locked, temporary_name
from ironhull.store.layout import ImageLayout
from ironhull.store.rootfs import write_rootfs
from ironhull.store.trees import remove_tree

_FOLDERS = ("/proc", "/dev", "/sys", "/tmp", "/run", "/var/tmp")  # noqa: S108 - in the image
_FILES = {"/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n", "/etc/resolv.conf": ""}


def unpacked(layout: ImageLayout, manifest: Descriptor, folder: Path) -> Path:
    """The image's tree below `folder`, made if it is not there; others wait while one makes it.

    It has the places that every container has mounts on, as podman and docker make them too. Errors
    of `write_rootfs`.
    """
    target = folder / hex_of(manifest.digest)
    _make_private(folder)
    if target.is_dir():
        return target / "root"
    # The user of the sandbox, who may be another than ours, has to reach what is inside.
    with locked(folder / ".lock"):
        if not target.is_dir():
            staging = temporary_name(target)
            try:
                staging.mkdir(mode=0o755)
                write_rootfs(layout, manifest, staging / "root")
                (staging / "root").chmod(0o755)
                _places(staging / "root")
                staging.rename(target)
            except OSError as error:
                raise EnvironmentProblem(f"cannot unpack into {target}: {error}") from None
            finally:
                remove_tree(staging)
    return target / "root"


def _make_private(folder: Path) -> None:
    """Images have files that everybody may write: nobody else on the machine is to reach them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise EnvironmentProblem(f"cannot unpack into {folder}: {error.strerror}") from None


def _places(root: Path) -> None:
    for path in _FOLDERS:
        place = root / inside(root, path).lstrip("/")
        if not place.exists():
            place.mkdir(parents=True)
    for path, text in _FILES.items():
        place = root / inside(root, path).lstrip("/")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

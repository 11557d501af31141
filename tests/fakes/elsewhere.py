"""What builds get from elsewhere: nothing, or images of the home's own store."""

from ironhull.build.elsewhere import Elsewhere
from ironhull.errors import NotFoundError


class NothingMissing:
    """A PackageSource that is never asked."""

    def fetch(self, wanted, progress) -> None:
        raise AssertionError([item.name for item in wanted])


class NoDownload:
    """A Download that is never asked."""

    def get(self, url, sink, *, limit, fresh=False) -> int:
        raise AssertionError(url)


class NoImages:
    """An ImageSource that has none."""

    def manifest(self, wanted, platform):
        raise NotFoundError(f"no {wanted.reference} here")


class NoStages:
    """A StageRunner that is never asked."""

    def run(self, command):
        raise AssertionError(command.argv)


NOTHING_ELSEWHERE = Elsewhere(NothingMissing(), NoDownload(), NoImages(), NoStages())

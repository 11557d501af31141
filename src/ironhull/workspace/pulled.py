"""Other images that a definition names: in the store already, or pulled when they are needed."""

from __future__ import annotations

from ironhull.definition.model import ArtifactRequest
from ironhull.errors import EnvironmentProblem, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.platform import Platform
from ironhull.store.choice import choose_manifest
from ironhull.values import dataclass
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class PulledImages:
    """An ImageSource over the home's store and the registries."""

    machine: Machine

    def manifest(self, wanted: ArtifactRequest, platform: Platform) -> Descriptor:
        """As `ImageSource.manifest`."""
        found = self._stored(wanted, platform)
        if found is not None:
            return found
        if self.machine.settings.offline:
            raise EnvironmentProblem("it is not in the store, and nothing is fetched (offline)")
        # What reaches registries takes long to load; most builds need none of it.
        from ironhull.workspace.publishing import pull

        try:
            pull(self.machine, f"{wanted.reference}@{wanted.digest}", platforms=[platform])
        except NotFoundError as error:
            raise NotFoundError(
                f"{error}; the tag may be of another image now, and the registry has removed this "
                "one: name the digest of one that is there"
            ) from None
        found = self._stored(wanted, platform)
        if found is None:
            raise NotFoundError("it was pulled, and is not whole in the store: build again")
        return found

    def _stored(self, wanted: ArtifactRequest, platform: Platform) -> Descriptor | None:
        """The manifest, if all of it is in the store."""
        store = self.machine.home.store
        if not store.blobs.has(wanted.digest):
            return None
        document = store.document(wanted.digest)
        try:
            manifest = choose_manifest(store, document.descriptor(), platform)
            image = store.document(manifest.digest, manifest.media_type)
        except NotFoundError:
            # An index whose other platforms were pulled.
            return None
        whole = all(store.blobs.has(one.digest) for one in (image.config, *image.layers))
        return manifest if whole else None

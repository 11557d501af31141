"""Other images that a definition names: in the store already, or pulled when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

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
    places: Mapping[str, str] = field(default_factory=dict)
    """Where images are that are named without a registry, by name; others are docker's."""

    def manifest(self, wanted: ArtifactRequest, platform: Platform) -> Descriptor:
        """As `ImageSource.manifest`."""
        found = self._stored(wanted, platform)
        if found is not None:
            return found
        if self.machine.settings.offline:
            raise EnvironmentProblem("it is not in the store, and nothing is fetched (offline)")
        # What reaches registries takes long to load; most builds need none of it.
        from ironhull.workspace.publishing import pull

        reference = self.places.get(wanted.reference.partition(":")[0], wanted.reference)
        try:
            pulled = pull(self.machine, f"{reference}@{wanted.digest}", platforms=[platform])
        except NotFoundError as error:
            raise NotFoundError(
                f"{error}; the tag may be of another image now, and the registry has removed this "
                "one: name the digest of one that is there"
            ) from None
        # Of an index it may be the platform's manifest alone.
        found = self._whole(pulled.done.root.descriptor(), platform)
        if found is None:
            raise NotFoundError("it was pulled, and is not whole in the store: build again")
        return found

    def _stored(self, wanted: ArtifactRequest, platform: Platform) -> Descriptor | None:
        """The manifest, if all of it is in the store."""
        store = self.machine.home.store
        if not store.blobs.has(wanted.digest):
            return None
        return self._whole(store.document(wanted.digest).descriptor(), platform)

    def _whole(self, root: Descriptor, platform: Platform) -> Descriptor | None:
        store = self.machine.home.store
        try:
            manifest = choose_manifest(store, root, platform)
            image = store.document(manifest.digest, manifest.media_type)
        except NotFoundError:
            # An index whose other platforms were pulled.
            return None
        whole = all(store.blobs.has(one.digest) for one in (image.config, *image.layers))
        return manifest if whole else None

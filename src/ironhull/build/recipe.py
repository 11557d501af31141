"""What an image was made of, kept so that it can be told, and made again elsewhere.

A definition and its lock move on while the image stays. So the bytes of both are kept, with every
file that the definition was read from.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ironhull.definition.model import ImageDefinition
from ironhull.errors import InputError
from ironhull.lock.file import lock_path, render_lock
from ironhull.lock.model import Lock
from ironhull.oci.digest import Digest, digest_of
from ironhull.store.files import replace_file
from ironhull.store.home import Home


@dataclass(frozen=True, slots=True)
class Recipe:
    """A definition, its lock and how layers are compressed: with Ironhull, all that is needed."""

    path: str
    """Of the definition, in the tree that `texts` are of, for example node/debian-13/20.yaml."""
    texts: Mapping[str, bytes]
    """The definition, what it includes and what it takes its bytes from, by path in the tree."""
    lock: bytes
    compression: str
    """`zstd:19`: what `build --compression` takes."""

    @property
    def lock_path(self) -> str:
        """Where the lock is in the tree."""
        return str(lock_path(Path(self.path)))


def recipe_of(definition: ImageDefinition, lock: Lock, compression: str) -> Recipe:
    """The recipe of what is built from these."""
    return Recipe(next(iter(definition.texts)), definition.texts, render_lock(lock), compression)


def remember_recipe(home: Home, inputs: str, recipe: Recipe) -> None:
    """Keep a recipe under the key of what an image was made of (`BuiltImage.inputs`)."""
    value = {
        "path": recipe.path,
        "texts": {path: base64.b64encode(data).decode() for path, data in recipe.texts.items()},
        "lock": base64.b64encode(recipe.lock).decode(),
        "compression": recipe.compression,
    }
    replace_file(home.recipes / f"{inputs}.json", json.dumps(value).encode(), durable=False)


def remembered_recipe(home: Home, inputs: str) -> Recipe | None:
    """The recipe under a key; None if it is not there or damaged."""
    try:
        value = json.loads((home.recipes / f"{inputs}.json").read_bytes())
        texts = {path: base64.b64decode(data) for path, data in value["texts"].items()}
        return Recipe(value["path"], texts, base64.b64decode(value["lock"]), value["compression"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError):
        return None


def digests_of(recipe: Recipe) -> dict[str, Digest]:
    """The digest of every file of a recipe, the lock among them, by path."""
    files = {**recipe.texts, recipe.lock_path: recipe.lock}
    return {path: digest_of(data) for path, data in sorted(files.items())}

"""Builds as JSON for other programs: what `build` and `show` print with `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ironhull.build.built import BuiltImage, BuiltPlatform, StoredBuild


def builds_document(built: Sequence[BuiltImage], seconds: float) -> dict[str, Any]:
    """Images that were built in one go, in so many seconds."""
    return {
        "images": [
            {
                "name": image.name,
                "tags": list(image.tags),
                "digest": image.descriptor.digest,
                "platforms": [_platform(platform) for platform in image.platforms],
                "definition": image.definition,
            }
            for image in built
        ],
        "seconds": round(seconds, 3),
        "layers_made": sum(image.layers_made for image in built),
        "layers_reused": sum(image.layers_reused for image in built),
    }


def stored_document(found: StoredBuild) -> dict[str, Any]:
    """A built image of the store on one platform, its packages and checks one by one."""
    config, built = found.config["config"], found.built
    return {
        "name": found.image.name,
        "tags": list(found.tags),
        "digest": found.image.descriptor.digest,
        "platform": built.platform,
        "platforms": [platform.platform for platform in found.image.platforms],
        "manifest": built.digest,
        "created": found.config["created"],
        "user": config.get("User", ""),
        "entrypoint": config.get("Entrypoint", []),
        "cmd": config.get("Cmd", []),
        "work_dir": config.get("WorkingDir", ""),
        "environment": config.get("Env", []),
        "ports": sorted(config.get("ExposedPorts", {})),
        "labels": config.get("Labels", {}),
        "compressed_size": built.compressed_size,
        "size": built.size,
        "layers": built.layers,
        "packages": [package._asdict() for package in built.packages],
        "checks": [asdict(check) | {"ok": check.ok} for check in built.checks],
        "definition": found.image.definition,
    }


def _platform(built: BuiltPlatform) -> dict[str, Any]:
    return {
        "platform": built.platform,
        "digest": built.digest,
        "compressed_size": built.compressed_size,
        "size": built.size,
        "layers": built.layers,
        "packages": len(built.packages),
        "checks": [
            {"name": check.name, "ok": check.ok, "looked_at": check.looked_at}
            for check in built.checks
        ],
    }

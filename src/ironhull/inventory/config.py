"""An image's configuration, as anyone may have written it (image-spec config.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ironhull.inventory.model import ImageConfig
from ironhull.inventory.paths import utf8

_MAX_TEXT = 64 * 1024
_MAX_STEPS = 1000


def image_config(value: Mapping[str, Any]) -> ImageConfig:
    """The parts that matter; a part of the wrong type counts as absent."""
    config = value.get("config")
    said: Mapping[str, Any] = config if isinstance(config, dict) else {}
    healthcheck = said.get("Healthcheck")
    labels = said.get("Labels")
    return ImageConfig(
        user=_text(said.get("User")),
        env=_texts(said.get("Env")),
        ports=tuple(sorted(_keys(said.get("ExposedPorts")))),
        entrypoint=_texts(said.get("Entrypoint")),
        cmd=_texts(said.get("Cmd")),
        working_dir=_text(said.get("WorkingDir")),
        volumes=tuple(sorted(_keys(said.get("Volumes")))),
        labels={
            _text(key): _text(text)
            for key, text in sorted(labels.items() if isinstance(labels, dict) else ())
            if isinstance(text, str)
        },
        stop_signal=_text(said.get("StopSignal")),
        healthcheck=_texts(healthcheck.get("Test")) if isinstance(healthcheck, dict) else (),
        created=_text(value.get("created")),
        author=_text(value.get("author")),
    )


def diff_ids(value: Mapping[str, Any]) -> list[str]:
    """The digests of the uncompressed layers, lowest first; empty if the config has none."""
    rootfs = value.get("rootfs")
    items = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    return [item for item in items if isinstance(item, str)] if isinstance(items, list) else []


def layer_history(value: Mapping[str, Any], count: int) -> list[str]:
    """What made each of `count` layers; empty texts where the history does not fit them."""
    history = value.get("history")
    items = (
        [item for item in history if isinstance(item, dict)] if isinstance(history, list) else []
    )
    made = [_text(item.get("created_by")) for item in items if item.get("empty_layer") is not True]
    return made if len(made) == count else [""] * count


def history_texts(value: Mapping[str, Any]) -> list[str]:
    """What made the image, step by step, steps without a layer too; at most 1,000 of them."""
    history = value.get("history")
    items = history[:_MAX_STEPS] if isinstance(history, list) else []
    return [_text(item.get("created_by")) for item in items if isinstance(item, dict)]


def _text(value: object) -> str:
    return utf8(value[:_MAX_TEXT]) if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, value)) if isinstance(value, list) else ()


def _keys(value: object) -> list[str]:
    return [_text(key) for key in value] if isinstance(value, dict) else []

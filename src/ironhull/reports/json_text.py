"""Values as JSON for people and programs."""

from __future__ import annotations

import json
from typing import Any

from ironhull.late_inspect import without
from ironhull.reports.text import shown_json


def json_text(value: Any) -> str:
    """The value as JSON, two spaces deep, keys in the order given, no line's end behind it.

    What a viewer would obey is spelled out, see `text.shown_json`.
    """
    # Loaded late: text for people needs none of it. Half of its time is typing_extensions, of which
    # it wants what Python has since 3.11.
    with without("typing_extensions"):
        import msgspec

    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except UnicodeEncodeError:
        # A lone surrogate, which UTF-8 cannot hold; in JSON it can be spelled out.
        return json.dumps(msgspec.to_builtins(value), indent=2)
    return shown_json(text)

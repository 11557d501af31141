"""The statuses of VEX, alone: whoever only names them loads no documents."""

from __future__ import annotations

from typing import Literal

VexStatus = Literal["not_affected", "affected", "fixed", "under_investigation"]

"""The words for how bad a vulnerability is, the worst first."""

from __future__ import annotations

SEVERITIES = ("critical", "high", "medium", "low", "negligible", "unknown")
RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}
"""0 is the worst; unknown comes last but is never hidden."""

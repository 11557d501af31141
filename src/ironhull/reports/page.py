"""HTML pages and pictures from templates: nothing from outside can act in them.

Whatever a template shows is escaped, the finished text is made harmless as a whole (see `text`),
and the page's policy allows its own style and script by their hashes and nothing else: no request,
no font, no picture from anywhere. The frame of all pages, with that style and script, is
`templates/frame.html`; a page extends it and fills its blocks.
"""

from __future__ import annotations

import base64
import hashlib

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ironhull.reports.text import harmless_lines


def page(package: str, template: str, **values: object) -> str:
    """A page that extends the frame; its template lies in the folder `templates` of the package."""
    environment = _environment(package)
    style, script = (_source(environment, name) for name in ("frame.css", "frame.js"))
    return _rendered(
        environment,
        template,
        {
            **values,
            "style": Markup(style),  # noqa: S704 - our own files
            "script": Markup(script),  # noqa: S704
            "policy": _policy(style, script),
        },
    )


def rendered(package: str, template: str, **values: object) -> str:
    """A template that stands alone: an SVG."""
    return _rendered(_environment(package), template, values)


def _environment(package: str) -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("ironhull.reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _rendered(environment: Environment, template: str, values: dict[str, object]) -> str:
    return harmless_lines(environment.get_template(template).render(values))


def _source(environment: Environment, name: str) -> str:
    loader = environment.loader
    if loader is None:
        raise ValueError("an environment without templates")
    return loader.get_source(environment, name)[0]


def _policy(style: str, script: str) -> str:
    """Nothing from anywhere, and only these two inline parts."""
    hashes = [
        base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        for part in (style, script)
    ]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}';"
        " base-uri 'none'; form-action 'none'"
    )

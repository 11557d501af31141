"""A page for each planet; the templates' escaping is done in C (markupsafe)."""

import json
from pathlib import Path

import markupsafe._speedups
from jinja2 import Environment

PLANETS = json.loads((Path(__file__).parent / "planets.json").read_text("utf-8"))
PAGE = Environment(autoescape=True).from_string("<h1>{{ name }}</h1><p>{{ moons }} moons</p>\n")


def app(environ, start_response):
    """The WSGI application that gunicorn serves."""
    name = environ["PATH_INFO"].strip("/")
    if name == "health":
        return _answer(start_response, "200 OK", markupsafe._speedups.__name__)
    if name not in PLANETS:
        return _answer(start_response, "404 Not Found", f"{markupsafe.escape(name)} is no planet\n")
    page = PAGE.render(name=name.title(), moons=PLANETS[name])
    return _answer(start_response, "200 OK", page)


def _answer(start_response, status, text):
    start_response(status, [("Content-Type", "text/html; charset=utf-8")])
    return [str(text).encode()]

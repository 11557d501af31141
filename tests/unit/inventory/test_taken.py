"""What cannot be read is an error where a tool would take it for a package, else a warning."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.fakes.image import Files, make_image
from tests.unit.inventory.test_java import jar, pom
from tests.unit.inventory.test_programs import elf

from ironhull.inventory.accept import accept
from ironhull.inventory.model import Inventory
from ironhull.inventory.take import Taker
from ironhull.store.home import Home

MakeTaker = Callable[..., Taker]
DAMAGED = jar(pom("g", "a", "1"))[:-30]
CRATES = elf({".dep-v0": b"damaged"})

TAKEN = {
    "app/node_modules/a/package.json": "{",
    "app/node_modules/@s/a/package.json": "// no comments in JSON\n{}",
    "usr/lib/node_modules/npm/node_modules/a/package.json": '["a list"]',
    "app/node_modules/.pnpm/a@1/node_modules/a/package.json": "{{name}}",
    "app/test/node_modules/a/package.json": "{",
    "app/package-lock.json": "{",
    "usr/lib/python3/dist-packages/a-1.dist-info/METADATA": "no fields",
    "opt/venv/lib/python3.12/site-packages/a-1.dist-info/METADATA": "no fields",
    "usr/lib/python3.11/a-1.egg-info": "no fields",
    "usr/lib/python3/dist-packages/a-1.egg/EGG-INFO/PKG-INFO": "no fields",
    "x/site-packages/setuptools/_vendor/a-1.dist-info/METADATA": "no fields",
    "srv/libs/a-1.dist-info/METADATA": "no fields",
    "srv/app/a-1.dist-info/METADATA": "no fields",
    "usr/local/bundle/specifications/a.gemspec": "x = 1",
    "usr/lib/ruby/gems/3.1.0/specifications/default/a.gemspec": "x = 1",
    "usr/share/rubygems-integration/all/specifications/a.gemspec": "x = 1",
    "app/vendor/composer/installed.json": "{",
    "opt/app.jar": DAMAGED,
    "usr/bin/tool": CRATES,
    "var/lib/dpkg/status": "no stanza",
    "lib/apk/db/installed": "no record",
}
NOT_TAKEN = {
    "app/node_modules/resolve/test/resolver/malformed/package.json": "{",
    "app/node_modules/resolve/test/node_modules/b/package.json": "{",
    "app/node_modules/a/templates/package.json": '{"name": "{{name}}",}',
    "app/node_modules/a/lib/package.json": "[]",
    "app/node_modules/.cache/package.json": "{",
    "srv/package.json": "// a comment",
    "app/node_modules/a/package-lock.json": "{",
    "usr/lib/python3/dist-packages/pkg/tests/data/a-1.dist-info/METADATA": "no fields",
    "x/site-packages/pkg/tests/site-packages/a-1.dist-info/METADATA": "no fields",
    "usr/share/doc/x/a-1.dist-info/METADATA": "no fields",
    "x/site-packages/pkg/tests/a-1.egg-info": "no fields",
    "usr/local/bundle/gems/rubygems-1/test/specifications/a.gemspec": "x = 1",
    "app/vendor/org/pkg/tests/vendor/composer/installed.json": "{",
    "opt/lib/tests/app.jar": DAMAGED,
    "usr/local/go/src/debug/elf/testdata/prog": CRATES,
    "srv/sdk/Some.deps.json": "{",
}
CONFIG = {"Env": ["PYTHONPATH=/srv/libs:/x"], "WorkingDir": "/srv/app"}


def taken(home: Home, taker: MakeTaker, files: Files) -> Inventory:
    make_image(home.store, [files], config=CONFIG)
    return taker().take("app:1")


@pytest.mark.parametrize("path", TAKEN)
def test_a_damaged_file_that_a_tool_would_take_may_hide_a_package(
    home: Home, taker: MakeTaker, path: str
) -> None:
    found = taken(home, taker, {path: TAKEN[path], "etc/os-release": "ID=x\n"})
    assert [item.location for item in found.unparsed] == [f"/{path}"]


@pytest.mark.parametrize("path", NOT_TAKEN)
def test_a_damaged_file_that_no_tool_would_take_is_a_warning(
    home: Home, taker: MakeTaker, path: str
) -> None:
    found = taken(home, taker, {path: NOT_TAKEN[path], "etc/os-release": "ID=x\n"})
    assert found.unparsed == ()
    [remark] = found.remarks
    assert (remark.kind, remark.location) == ("warning", f"/{path}")
    assert "no tool takes it" in remark.message


@pytest.mark.parametrize("beside", ["srv/App.dll", "srv/App"])
def test_dependencies_of_a_program_are_taken_where_the_program_is(
    home: Home, taker: MakeTaker, beside: str
) -> None:
    found = taken(home, taker, {"srv/App.deps.json": "{", beside: "MZ"})
    assert len(found.unparsed) == 1
    framework = (
        "usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json"
    )
    assert len(taken(home, taker, {framework: "{"}).unparsed) == 1


def test_a_readable_package_counts_wherever_it_is(home: Home, taker: MakeTaker) -> None:
    text = '{"name":"a","version":"1"}'
    found = taken(home, taker, {path: text for path in NOT_TAKEN if path.endswith("package.json")})
    assert len(found.packages) == 6


def test_what_a_person_accepts_is_said_and_no_longer_missing(home: Home, taker: MakeTaker) -> None:
    files = {f"app/node_modules/{name}/package.json": "{" for name in "abc"}
    found = taken(home, taker, files | {"opt/app.jar": DAMAGED})
    assert accept(found, ()) == found
    some = accept(found, ["/app/node_modules/[ab]/*", "/nothing"])
    assert [item.location for item in some.accepted] == [
        "/app/node_modules/a/package.json",
        "/app/node_modules/b/package.json",
    ]
    assert len(some.unparsed) == 2
    assert accept(found, ["/app/*", "*.jar"]).unparsed == ()
    assert accept(found, ["app"]).accepted == ()

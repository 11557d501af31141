"""What the build left: by path, by package, by npm's own files, by the build stage's image."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.fakes.sides import deb, side

from ironhull.compare.leaks import FileEntry, ImageFiles, Leaks, find_leaks, wanted_texts
from ironhull.inventory.model import Exposure, Package, Surface

MANIFEST = {
    "dependencies": {"express": "^4"},
    "devDependencies": {"jest": "^29", "express": "^4", "typescript": "^5"},
}


def contents(
    paths: list[str],
    packages: list[Package] | None = None,
    texts: dict[str, object] | None = None,
    *,
    owned: tuple[str, ...] = (),
    surface: Surface | None = None,
    size: int = 7,
) -> ImageFiles:
    inventory = side("app:1", packages or [], surface=surface).inventory
    inventory = replace(inventory, config=replace(inventory.config, working_dir="/app"))
    return ImageFiles(
        inventory,
        tuple(FileEntry(path, size, path in owned) for path in sorted(paths)),
        {
            path: value if isinstance(value, bytes) else json.dumps(value).encode()
            for path, value in (texts or {}).items()
        },
    )


def kinds(leaks: Leaks) -> list[tuple[str, str]]:
    return [(trace.kind, trace.subject) for trace in leaks.found]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/app/dist/main.js.map", "source map"),
        ("/app/.git/config", "version control"),
        ("/root/.npm/_cacache/index", "cache"),
        ("/home/node/.cache/x", "cache"),
        ("/var/lib/apt/lists/deb.example_dists_x_Release", "cache"),
        ("/var/cache/apt/archives/curl.deb", "cache"),
        ("/tmp/build.log", "cache"),
        ("/app/node_modules/.cache/babel/x.json", "cache"),
        ("/app/test/server.test.js", "test"),
        ("/app/src/__tests__/a.js", "test"),
        ("/srv/test_views.py", "test"),
        ("/app/Dockerfile", "build file"),
        ("/app/.env", "build file"),
        ("/app/tsconfig.json", "build file"),
        ("/app/.npmrc", "build file"),
    ],
)
def test_a_path_gives_a_trace_away(path: str, kind: str) -> None:
    assert kinds(find_leaks(contents([path]))) == [(kind, path)]


@pytest.mark.parametrize(
    "path",
    [
        "/app/server.js",
        "/app/package.json",
        "/app/latest/index.js",
        "/usr/lib/libtest.so",
        "/app/map.js",
        "/app/gitignored.js",
        "/app/contest/index.js",
    ],
)
def test_an_ordinary_path_gives_nothing_away(path: str) -> None:
    assert kinds(find_leaks(contents([path]))) == []


def test_what_a_package_of_the_distribution_installed_is_no_trace() -> None:
    path = "/usr/share/nodejs/x/test/a.js"
    assert kinds(find_leaks(contents([path], owned=(path,)))) == []


def test_what_lies_inside_a_dependency_is_a_note() -> None:
    path = "/app/node_modules/left-pad/test/a.test.js"
    leaks = find_leaks(contents([path]))
    assert (leaks.found, [trace.subject for trace in leaks.notes]) == ((), [path])


def test_build_packages_and_tools_are_found() -> None:
    surface = Surface(
        compilers=(Exposure("/opt/bin/gcc", "gcc"), Exposure("/usr/bin/cc", "cc", "", "gcc")),
        package_managers=(Exposure("/opt/bin/npm", "npm"),),
    )
    packages = [
        deb("libssl-dev", "3"),
        deb("gcc-14", "14"),
        deb("libssl3", "3"),
        deb("gcc-14-base", "14"),
    ]
    assert kinds(find_leaks(contents([], packages, surface=surface))) == [
        ("build package", "gcc-14 14"),
        ("build package", "libssl-dev 3"),
        ("build tool", "/opt/bin/gcc"),
        ("build tool", "/opt/bin/npm"),
    ]


def installed(*names: str) -> list[str]:
    return [f"/app/node_modules/{name}/package.json" for name in names]


def test_development_dependencies_are_those_that_nothing_else_asks_for() -> None:
    paths = ["/app/package.json", *installed("express", "jest")]
    leaks = find_leaks(contents(paths, texts={"/app/package.json": MANIFEST}))
    assert kinds(leaks) == [("development dependency", "/app/node_modules/jest")]


def test_development_dependencies_of_dependencies_are_in_npms_hidden_lock() -> None:
    hidden = "/app/node_modules/.package-lock.json"
    lock = {
        "packages": {
            "node_modules/express": {"version": "4"},
            "node_modules/jest-cli": {"version": "29", "dev": True},
            "node_modules/gone": {"version": "1", "dev": True},
        }
    }
    paths = ["/app/package.json", hidden, *installed("express", "jest-cli")]
    leaks = find_leaks(contents(paths, texts={"/app/package.json": {}, hidden: lock}))
    assert kinds(leaks) == [("development dependency", "/app/node_modules/jest-cli")]


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b"\xff", json.dumps({"devDependencies": 3}).encode(), b"[" * 100_000]
)
def test_a_damaged_manifest_is_told_and_not_taken_for_nothing(text: bytes) -> None:
    paths = ["/app/package.json", *installed("jest")]
    leaks = find_leaks(contents(paths, texts={"/app/package.json": text}))
    assert leaks.found == ()
    assert leaks.unread == (() if b"dev" in text else ("/app/package.json",))


def test_a_manifest_that_could_not_be_read_is_told() -> None:
    leaks = find_leaks(contents(["/app/package.json", *installed("jest")]))
    assert leaks.unread == ("/app/package.json",)


def test_only_files_beside_modules_are_read() -> None:
    paths = ["/app/package.json", "/lib/package.json", *installed("a")]
    assert wanted_texts(paths) == ["/app/package.json"]


def test_the_build_stages_files_outside_of_the_application_are_traces() -> None:
    stage = contents(["/usr/local/bin/tool", "/app/server.js", "/etc/hosts", "/usr/lib/libc.so"])
    image = contents(
        ["/usr/local/bin/tool", "/app/server.js", "/etc/hosts", "/usr/lib/libc.so"],
        owned=("/usr/lib/libc.so",),
    )
    leaks = find_leaks(image, stage)
    assert kinds(leaks) == [("file of the build stage", "/usr/local/bin/tool")]
    assert (leaks.stage, leaks.stage_copied) == ("app:1", 3)


def test_a_file_that_differs_is_not_the_build_stages() -> None:
    image = contents(["/usr/local/bin/tool"], size=9)
    assert find_leaks(image, contents(["/usr/local/bin/tool"])).found == ()


def test_packages_of_the_build_stage_are_counted() -> None:
    both = [deb("libc6", "2.36"), deb("gcc", "12")]
    leaks = find_leaks(contents([], both[:1]), contents([], both))
    assert (leaks.stage_packages, leaks.stage_shared) == (2, 1)

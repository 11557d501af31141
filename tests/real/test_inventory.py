"""The same packages as syft in images of five kinds, made by other tools; each difference named.

The images: Debian 12 with Python, Node.js and npm packages; Debian 13 with Ruby gems and PHP;
an Alpine-like system with language packages beside its own; Go and Rust programs alone; Java
archives of Debian, and nested ones. A difference that no line of DIFFERENCES explains fails, and
so does a line that explains nothing any more.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from outside.mmdebstrap import make_root
from tests.fakes.image import Directory, Files, make_image
from tests.fuzz.run import versions_beside_dpkg
from tests.real.tools import tool

from ironhull.engine.find import EngineSettings
from ironhull.inventory.document import to_json
from ironhull.inventory.model import Inventory
from ironhull.inventory.sources.find import Places
from ironhull.inventory.take import Taker
from ironhull.oci.tar import TarReader
from ironhull.registry.client.access import Registries
from ironhull.store.home import Home

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Difference:
    image: str
    ours: bool
    purl: str
    reason: str


OTHER_SIDE = "the other side of the line above"
DIFFERENCES = (
    Difference(
        "programs",
        True,
        r"pkg:golang/example\.org/demo",
        "syft writes (devel) as the purl's version; it is no version",
    ),
    Difference("programs", False, r"pkg:golang/example\.org/demo@\(devel\)", OTHER_SIDE),
    Difference(
        "alpine", True, r"pkg:nuget/.+", "syft 1.18 reads deps.json in folders, not in images"
    ),
    Difference(
        "alpine",
        True,
        r"pkg:composer/psr/log@v1\.1\.4",
        "the purl specification wants composer's names in lower case",
    ),
    Difference("alpine", False, r"pkg:composer/Psr/Log@v1\.1\.4", OTHER_SIDE),
    Difference(
        "alpine",
        True,
        r"pkg:npm/bundled@2\.0\.0",
        "a lock file without node_modules beside it; syft reads locks in folders, not in images",
    ),
    Difference(
        "java",
        True,
        r"pkg:maven/(jsr305|mongodb-driver|plain|spring3-core)@.+",
        "nothing says a group; syft repeats the name as one",
    ),
    Difference(
        "java", False, r"pkg:maven/(jsr305|mongodb-driver|plain|spring3-core)/\1@.+", OTHER_SIDE
    ),
    Difference(
        "java",
        True,
        r"pkg:maven/org\.ow2\.asm/asm(-[a-z]+)?@.+",
        "asm is published under org.ow2.asm; syft takes the bundle's name, or the file's",
    ),
    Difference(
        "java",
        False,
        r"pkg:maven/(org\.objectweb\.asm[a-z.]*|asm-all)/asm(-[a-z]+)?@.+",
        OTHER_SIDE,
    ),
    Difference(
        "java",
        True,
        r"pkg:maven/commons-logging/commons-logging(-[a-z]+)?@.+",
        "three archives with one bundle name: syft sees org.apache/logging three times",
    ),
    Difference("java", False, r"pkg:maven/org\.apache/logging@.+", OTHER_SIDE),
    Difference(
        "java",
        True,
        r"pkg:maven/org\.mongodb/(bson|mongo-java-driver)@.+",
        "published under org.mongodb; syft takes the whole name of the bundle as group",
    ),
    Difference(
        "java",
        False,
        r"pkg:maven/org\.mongodb\.(bson|mongo-java-driver)/\1@.+",
        OTHER_SIDE,
    ),
    Difference(
        "java",
        True,
        r"pkg:maven/javax\.inject/atinject-jsr330-api@.+",
        "the manifest names javax.inject; syft repeats the name as group",
    ),
    Difference("java", False, r"pkg:maven/atinject-jsr330-api/atinject-jsr330-api@.+", OTHER_SIDE),
    Difference(
        "java",
        False,
        r"pkg:maven/[a-z.-]+/error-prone-[a-z-]+",
        "file names with hyphens, artifacts with underscores: syft counts each archive twice, once "
        "without a version",
    ),
)


def mmdebstrap(codename: str, packages: str, variant: str, target: Path) -> Path:
    options = (f"--variant={variant}", f"--include={packages}")
    return make_root(tool("mmdebstrap"), codename, options, target)


def tarred(root: Path) -> Path:
    target = root.with_suffix(".tar")
    subprocess.run(["tar", "--owner=0", "--group=0", "-C", root, "-cf", target, "."], check=True)
    return target


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def python_node(folder: Path) -> Path:
    packages = "python3,python3-requests,python3-yaml,nodejs,node-semver,node-tar,node-undici"
    return mmdebstrap("bookworm", packages, "apt", folder / "python-node.tar")


def ruby_php(folder: Path) -> Path:
    packages = "ruby,ruby-rack,ruby-nokogiri,php-cli,composer"
    return mmdebstrap("trixie", packages, "minbase", folder / "ruby-php.tar")


ALPINE = {
    "etc/os-release": 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.19.1\n',
    "lib/apk/db/installed": (
        "C:Q1rdGX/iIx2xCnBDZRcCTzJZWKxGk=\nP:musl\nV:1.2.4_git20230717-r4\nA:x86_64\nL:MIT\n"
        "o:musl\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\n\n"
        "C:Q1aaaa\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\nL:Apache-2.0\no:openssl\nF:lib\n"
        "R:libcrypto.so.3\n\n"
        "P:py3-requests\nV:2.31.0-r1\nA:noarch\nL:Apache-2.0\no:py3-requests\n"
        "F:usr/lib/python3.11/site-packages/requests-2.31.0.dist-info\nR:METADATA\n\n"
    ),
    "usr/lib/python3.11/site-packages/requests-2.31.0.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\n"
    ),
    "opt/venv/zope.interface-6.0.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: zope.interface\nVersion: 6.0\n"
    ),
    "opt/venv/old_style.egg-info/PKG-INFO": "Name: Old_Style\nVersion: 1.0.post1\n",
    "srv/node_modules/@babel/core/package.json": '{"name":"@babel/core","version":"7.23.0"}',
    "srv/node_modules/lodash/package.json": '{"name":"lodash","version":"4.17.21"}',
    "srv/package-lock.json": '{"packages":{"node_modules/lodash":{"version":"4.17.21"}}}',
    "bundle/package-lock.json": '{"packages":{"node_modules/bundled":{"version":"2.0.0"}}}',
    "usr/lib/ruby/gems/3.2.0/specifications/rack-2.2.8.gemspec": (
        'Gem::Specification.new do |s|\n  s.name = "rack".freeze\n  s.version = "2.2.8"\nend\n'
    ),
    "app/vendor/composer/installed.json": json.dumps(
        {
            "packages": [
                {"name": "monolog/monolog", "version": "2.9.1"},
                {"name": "Psr/Log", "version": "v1.1.4"},
            ]
        }
    ),
    "dotnet/App.deps.json": json.dumps(
        {
            "runtimeTarget": {"name": ".NETCoreApp,Version=v8.0"},
            "targets": {".NETCoreApp,Version=v8.0": {"App/1.0.0": {}, "Serilog/3.1.1": {}}},
            "libraries": {"App/1.0.0": {"type": "project"}, "Serilog/3.1.1": {"type": "package"}},
        }
    ),
}


def alpine(folder: Path) -> Path:
    write(folder / "alpine", ALPINE)
    return tarred(folder / "alpine")


def programs(folder: Path) -> Path:
    """A Go program with a dependency in its own folder, and a program with an audit section."""
    root, source = folder / "programs", folder / "go"
    write(
        source,
        {
            "go.mod": "module example.org/demo\n\ngo 1.20\n\n"
            "require example.org/dep/v2 v2.3.4\n\n"
            "replace example.org/dep/v2 => example.org/fork v1.5.0\n",
            "main.go": 'package main\n\nimport "example.org/dep/v2"\n\nfunc main() { dep.Do() }\n',
            "vendor/modules.txt": "# example.org/dep/v2 v2.3.4 => example.org/fork v1.5.0\n"
            "## explicit; go 1.20\nexample.org/dep/v2\n"
            "# example.org/dep/v2 => example.org/fork v1.5.0\n",
            "vendor/example.org/dep/v2/dep.go": "package dep\n\nfunc Do() { println(1) }\n",
        },
    )
    (root / "bin").mkdir(parents=True)
    subprocess.run(
        ["go", "build", "-mod=vendor", "-buildvcs=false", "-o", root / "bin/demo", "."],
        cwd=source,
        check=True,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""},
    )
    crates = {
        "packages": [
            {"name": "serde", "version": "1.0.190", "source": "crates.io", "kind": "runtime"},
            {"name": "cc", "version": "1.0.83", "source": "crates.io", "kind": "build"},
            {
                "name": "tool",
                "version": "0.3.1",
                "source": "local",
                "root": True,
                "dependencies": [0, 1],
            },
        ]
    }
    section = folder / "section"
    section.write_bytes(zlib.compress(json.dumps(crates).encode()))
    subprocess.run(
        ["objcopy", "--add-section", f".dep-v0={section}", "/bin/true", root / "bin/tool"],
        check=True,
    )
    return tarred(root)


def java(folder: Path) -> Path:
    """Archives out of Debian's packages, a nested one, and one that says little of itself."""
    target = mmdebstrap(
        "bookworm",
        "libcommons-lang3-java,liblog4j2-java,libjackson2-databind-java,libguava-java,"
        "libspring-core-java,libhttpclient-java,libsnappy-java",
        "minbase",
        folder / "debian.tar",
    )
    root = folder / "java"
    root.mkdir()
    subprocess.run(
        [
            "tar",
            "-C",
            root,
            "-xf",
            target,
            "./usr/share/java",
            "./usr/share/maven-repo",
            "./etc/os-release",
            "./usr/lib/os-release",
        ],
        check=True,
    )
    with zipfile.ZipFile(root / "plain-1.5.jar", "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    with zipfile.ZipFile(root / "app-2.0.war", "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        archive.writestr(
            "META-INF/maven/org.example/app/pom.properties",
            "groupId=org.example\nartifactId=app\nversion=2.0\n",
        )
        archive.write(root / "usr/share/java/commons-lang3.jar", "WEB-INF/lib/commons-lang3.jar")
    return tarred(root)


IMAGES = {
    "python-node": python_node,
    "ruby-php": ruby_php,
    "alpine": alpine,
    "programs": programs,
    "java": java,
}


@pytest.fixture(scope="module")
def archives(
    tmp_path_factory: pytest.TempPathFactory, podman_settings: EngineSettings
) -> dict[str, Path]:
    """Each image as `podman save` writes it, made once when first asked for."""
    folder = tmp_path_factory.mktemp("images")
    made: dict[str, Path] = {}

    class Made(dict[str, Path]):
        def __missing__(self, name: str) -> Path:
            tar = IMAGES[name](folder)
            made[name] = target = folder / f"{name}-image.tar"
            call = [tool("podman"), *podman_settings.podman]
            subprocess.run([*call, "import", "--quiet", tar, f"localhost/{name}:1"], check=True)
            subprocess.run(
                [*call, "save", "--quiet", "-o", target, f"localhost/{name}:1"], check=True
            )
            self[name] = target
            return target

    return Made()


@pytest.fixture
def taker(tmp_path: Path, podman_settings: EngineSettings) -> Taker:
    command = (str(tool("podman")), *podman_settings.podman)
    return Taker(Places(Home(tmp_path / "home"), Registries, {"podman": command}))


def of_syft(source: str) -> set[str]:
    done = subprocess.run(
        [tool("syft"), "scan", "-q", source, "-o", "syft-json"],
        check=True,
        capture_output=True,
        env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"},
    )
    return {item["purl"] for item in json.loads(done.stdout)["artifacts"] if item["purl"]}


def of_us(found: Inventory) -> set[str]:
    return {package.purl for package in found.packages}


@pytest.mark.parametrize("name", IMAGES)
def test_the_same_packages_as_syft(name: str, archives: dict[str, Path], taker: Taker) -> None:
    ours = of_us(taker.take(str(archives[name])))
    theirs = of_syft(f"docker-archive:{archives[name]}")
    assert len(theirs) >= {"python-node": 200, "ruby-php": 100}.get(name, 5)
    unexplained = []
    used = set()
    for mine, purls in ((True, ours - theirs), (False, theirs - ours)):
        for purl in sorted(purls):
            for line in DIFFERENCES:
                if (line.image, line.ours) == (name, mine) and re.fullmatch(line.purl, purl):
                    used.add(line)
                    break
            else:
                unexplained.append(f"only {'ours' if mine else 'theirs'}: {purl}")
    assert unexplained == []
    assert used == {line for line in DIFFERENCES if line.image == name}


def test_the_engines_own_image_is_the_archive(archives: dict[str, Path], taker: Taker) -> None:
    saved = taker.take(str(archives["alpine"]))
    found = taker.take("podman:localhost/alpine:1")
    assert found.image.kind == "engine"
    assert found.image.config == saved.image.config
    assert found.packages == saved.packages
    assert to_json(found)["surface"] == to_json(saved)["surface"]


def test_skopeo_and_umoci_copies_give_the_same(
    archives: dict[str, Path], taker: Taker, tmp_path: Path
) -> None:
    source = f"docker-archive:{archives['alpine']}"
    expected = taker.take(str(archives["alpine"])).packages
    for form in ("oci", "oci-archive"):
        target = f"{form}:{tmp_path / form}.image:alpine"
        subprocess.run(
            [tool("skopeo"), "--insecure-policy", "copy", "-q", source, target], check=True
        )
        found = taker.take(target)
        assert [p.purl for p in found.packages] == [p.purl for p in expected]


def test_owners_are_those_that_dpkg_names(
    archives: dict[str, Path], taker: Taker, tmp_path: Path
) -> None:
    """`dpkg-query --search` with the image's database says the same for a sample of files."""
    found = taker.take(str(archives["python-node"]))
    owned = {p.location: p.owned_by for p in found.packages if p.owned_by}
    assert len(owned) > 20
    root = archives["python-node"].with_name("python-node.tar")
    subprocess.run(["tar", "-C", tmp_path, "-xf", root, "./var/lib/dpkg"], check=True)
    sample = sorted(owned)[::5]
    done = subprocess.run(
        ["dpkg-query", f"--admindir={tmp_path}/var/lib/dpkg", "--search", *sample],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = (line.split(": ", 1) for line in done.stdout.splitlines())
    assert {path: name for name, path in lines} == {path: owned[path] for path in sample}


def test_an_image_of_ours_shows_syft_the_same_packages(taker: Taker) -> None:
    home = taker.places.home
    status = {
        f"var/lib/dpkg/status.d/{name}": f"Package: {name}\nVersion: {version}\n"
        f"Architecture: amd64\nSource: {source}\n"
        for name, version, source in (
            ("libssl3", "3.0.20-1~deb12u2", "openssl"),
            ("bsdutils", "1:2.38.1-5+deb12u3", "util-linux (2.38.1-5+deb12u3)"),
        )
    }
    release = 'ID=debian\nVERSION_ID="12"\n'
    # syft finds files of status.d only where the folder has an entry of its own.
    files: Files = {"etc/os-release": release, "var/lib/dpkg/status.d": Directory()} | status
    make_image(home.store, [files], names=["ours:1"], index=False)
    assert of_us(taker.take("ours:1")) == of_syft(f"oci-dir:{home.store.root}")


def test_the_order_of_debian_versions_is_that_of_dpkg() -> None:
    assert versions_beside_dpkg(seed=1, pairs=200).failures == []


@pytest.mark.parametrize(
    "options",
    [
        ["--format=gnu"],
        ["--format=posix", "--sparse-version=0.0"],
        ["--format=posix", "--sparse-version=0.1"],
        ["--format=posix", "--sparse-version=1.0"],
    ],
)
def test_sparse_files_that_gnu_tar_writes_are_read(tmp_path: Path, options: list[str]) -> None:
    file = tmp_path / "disk"
    with file.open("wb") as out:
        for number in range(40):
            out.seek(number * 100_000)
            out.write(b"block %d" % number)
    archive = tmp_path / "a.tar"
    subprocess.run(["tar", "-C", tmp_path, *options, "-S", "-cf", archive, "disk"], check=True)
    assert archive.stat().st_size < file.stat().st_size
    reader = TarReader([archive.read_bytes()], "a.tar")
    assert [b"".join(reader.content()) for _ in reader] == [file.read_bytes()]

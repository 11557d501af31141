"""Fifty definitions of our own in the forms of the public hardened-image catalog.

Together they have every key of its schema, each shape that a key can have, and the oddities that
its files show. `FORMS` says of each what is refused: a part of the message, at a line that has to
be there. `write` makes as many files of them as the public catalog has.

    python -m outside.public_forms FOLDER [COUNT]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

PUBLISHED = 2582
"""Definitions that the public catalog had when its forms were learnt."""
DIGEST = "sha256:" + "5" * 64


@dataclass(frozen=True)
class Form:
    """A definition, and what is refused in it: (the line's text, a part of the message)."""

    name: str
    text: str
    refused: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    """What it reads beside itself: path in the folder, content."""


def _head(name: str, *, variant: str = "runtime", system: str = "debian13", more: str = "") -> str:
    alpine = system.startswith("alpine")
    tags = [f'"{number}"' for number in ("1", "1.7")] + ["1.7.3"]
    tags += [f"{number}-{word}" for number in ("1", "1.7", "1.7.3") for word in (system, "lts")]
    lines = [
        f"# syntax=registry.example/build:2-{system}",
        "",
        f"name: {name.title()} 1.x",
        f"image: registry.example/{name}",
        f"variant: {variant}",
        "tags:",
        *(f"  - {tag}" for tag in tags),
        "platforms:",
        "  - linux/amd64",
        "  - linux/arm64",
        *dedent(more).strip("\n").splitlines(),
        "vars:",
        "  COMMIT: 0f1e2d3c4b5a69788796a5b4c3d2e1f001020304",
        '  MINOR: "1.7"',
        "  VERSION: 1.7.3",
        "  WHOLE: ${VERSION}",
        "accounts:",
        f"  root: {'true' if variant == 'dev' else 'false'}",
        f"  run-as: {'root' if variant == 'dev' else 'service'}",
        "  users:",
        "    - name: service",
        "      uid: 65532",
        "      gid: 65532",
        "  groups:",
        "    - name: service",
        "      gid: 65532",
        "      members:",
        "        - service",
        "    - name: www-data",
        "      gid: 33",
        "os-release:",
        f"  name: Example Hardened ({system})",
        f"  id: {'alpine' if alpine else 'debian'}",
        f'  version-id: "{"3.23" if alpine else "13"}"',
        *([] if alpine else ["  version-codename: trixie"]),
        f"  pretty-name: Example Hardened/{system}",
        "  home-url: https://images.example/",
        "  bug-report-url: https://images.example/support",
        "work-dir: /srv/app",
        "environment:",
        f"  {name.upper().replace('-', '_')}_VERSION: ${{VERSION}}",
        "  LANG: C.UTF-8",
        "  PATH: /opt/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "annotations:",
        f"  org.opencontainers.image.description: A small image of {name}",
        "  org.opencontainers.image.licenses: Apache-2.0 AND MIT",
        "entrypoint:",
        "  - /opt/app/bin/serve",
        "cmd:",
        "  - --config",
        "  - /etc/app/config.yaml",
        "ports:",
        "  - 8080/tcp",
        "  - 9090/tcp",
    ]
    return "\n".join(lines) + "\n"


PACKAGES = """
repositories:
  - deb [signed-by=/usr/share/keyrings/example.gpg] https://archive.example/deb trixie main
keyring:
  - https://archive.example/example.asc#sha256=%s
packages:
  - '!libelogind0'
  - '!mawk'
  - '!original-awk'
  - base-files
  - bash
  - ca-certificates
  - coreutils
  - libc6
  - libssl3t64
  - libstdc++6
  - nodejs-24
  - openssl=3.5.4-1~deb13u1
  - redis=6:8.0.5-1rl1~trixie1
  - tzdata
  - zlib1g
""" % ("4" * 64)


def _contents(*parts: str, packages: str = PACKAGES) -> str:
    return "contents:\n" + "".join(
        indent(dedent(part).strip("\n") + "\n", "  ") for part in (packages, *parts)
    )


STAGE_CONTENTS = """\
contents:
  packages:
    - base-files
    - bash
    - ca-certificates
    - coreutils
    - gcc
    - make
    - sed
"""
FED = f"""\
  files:
    - url: https://files.example/app-1.7.3.tar.gz
      checksum: sha256:{"3" * 64}
      path: ${{source.dir}}/app
      uid: 0
      gid: 0
  artifacts:
    - name: registry.example/pkg-node:24.18.0-debian13@{DIGEST}
      includes:
        - opt/nodejs
        - usr/local/bin/npm
      uid: 0
      gid: 0
  mappings:
    gcc: pkg:deb/debian/gcc@15
"""


def _stage(name: str, body: str, *, uses: str = "", more: str = "", fed: str = "") -> str:
    text = f"- name: {name}\n"
    if uses:
        text += f"  uses: {uses}\n"
    text += indent(dedent(more).strip("\n") + "\n", "  ") if more else ""
    text += indent(STAGE_CONTENTS + fed, "  ")
    return text + indent(dedent(body).strip("\n") + "\n", "  ")


STEPS = """\
pipeline:
  - name: unpack
    work-dir: ${source.dir}/app
    runs: |
      set -eux -o pipefail

      for file in *.in; do
        sed "s/@VERSION@/${VERSION}/g; s/@HOME@/${HOME:-/root}/" "$file" > "${file%.in}"
      done
      test "${#list[@]}" -ge 0
  - name: build
    work-dir: ${source.dir}/app
    environment:
      CFLAGS: -O2 -g0
    runs: |
      set -eux -o pipefail

      make -j"$(nproc)" PREFIX=/opt/app
      make install DESTDIR='${target.dir}'
      echo "${vars.VERSION} ${vars.COMMIT}" > "${target.dir}/opt/app/BUILD"
outputs:
  - source: ${target.dir}/opt/app
    target: /opt/app
    uid: 0
    gid: 0
  - source: ${target.dir}/opt/app/bin/serve
    target: /usr/local/bin/serve
    uid: 0
    gid: 0
    mode: "0755"
"""
BUILDS = "builds:\n" + indent(_stage("app", STEPS), "  ")
PATHS = """\
paths:
  - type: directory
    path: /var/lib/app
    uid: 65532
    gid: 65532
    mode: "0770"
  - type: directory
    path: /run/app/
    uid: 65532
    gid: 65532
    mode: "0755"
    recursive: true
  - type: file
    path: /etc/app/config.yaml
    content: |
      listen: 0.0.0.0:8080
      data: /var/lib/app
      banner: "${GREETING:-hello} ${VERSION}"
    uid: 0
    gid: 0
    mode: "0444"
  - type: emptyfile
    path: /var/log/app.log
    platforms:
      - linux/amd64
    uid: 65532
    gid: 65532
    mode: "0644"
  - type: symlink
    path: /usr/bin/serve
    source: /opt/app/bin/serve
    uid: 0
    gid: 0
  - type: delete
    path: /usr/share/man
    recursive: true
"""
FILE = """\
files:
  - url: https://files.example/app-${VERSION}.tar.gz
    checksum: sha256:SIX
    path: /opt/app
    uid: 0
    gid: 0
    mode: "0755"
    includes:
      - bin/*
      - lib/**
    excludes:
      - lib/test
    platforms:
      - linux/amd64
    spdx:
      name: app
      version: ${VERSION}
      packages:
        - name: app
          purl: pkg:generic/app@${VERSION}
          license: Apache-2.0
          path: /opt/app
  - url: https://files.example/ca.pem
    checksum: sha256:SEVEN
    path: /etc/ssl/app.pem
""".replace("SIX", "6" * 64).replace("SEVEN", "7" * 64)
ARTIFACT = f"""\
artifacts:
  - name: registry.example/pkg-node:24.18.0-debian13@{DIGEST}
    includes:
      - opt/**
      - usr/local/bin/node
    excludes:
      - opt/nodejs/include
      - '**/*.md'
    uid: 0
    gid: 0
"""


def _forms() -> Iterator[Form]:
    yield from _plain_forms()
    yield from _content_forms()
    yield from _stage_forms()
    yield from _platform_forms()
    yield from _refused_forms()


def _plain_forms() -> Iterator[Form]:
    whole = _contents(BUILDS) + PATHS
    yield Form("web", _head("web") + whole)
    yield Form("web-dev", _head("web", variant="dev") + whole)
    yield Form("web-helm", _head("web", variant="helm") + whole)
    yield Form("compat", _head("compat", more="flavor: compat\nsuffix: -compat") + whole)
    yield Form(
        "dated",
        _head(
            "dated",
            more="""
        dates:
          release: "2025-10-13"
          end-of-life: "2028-04-30"
          end-of-support: 2028-10-31
        """,
        )
        + whole,
    )
    yield Form("claims", _head("claims") + whole + "fips-compliant: false\nstig-certified: false\n")
    yield Form(
        "signal",
        _head("signal") + whole + "stop-signal: SIGQUIT\n"
        "labels:\n  com.example.team: web\n  com.example.empty: ''\n",
    )
    yield Form("numbered", _head("numbered").replace("run-as: service", 'run-as: "65532"') + whole)
    yield Form("quoted", _head("quoted").replace("8080/tcp", '"8080"') + whole)
    yield Form("tested", _head("tested") + whole + TESTS)
    yield Form("tracked", _head("tracked", more=TRACKS) + whole)
    yield Form(
        "mapped",
        _head("mapped")
        + _contents("""
        mappings:
          redis: pkg:deb/redis/redis@6:8.0.5-1rl1~trixie1?os_name=debian&os_version=13
          nodejs-24: pkg:generic/node@${VERSION}
        """),
    )
    yield Form(
        "folder",
        _head("folder") + _contents() + FOLDER,
        files=(
            ("image/folder/patch/first.patch", "--- a\n+++ b\n"),
            ("image/folder/patch/deps/run", "#!/bin/sh\nexit 0\n"),
            ("image/folder/bin/entrypoint.sh", "#!/bin/sh\nexec serve\n"),
        ),
    )
    yield Form(
        "joined",
        "includes:\n  - image/joined/base.yaml\n" + _head("joined") + _contents(),
        files=(("image/joined/base.yaml", PATHS),),
    )
    yield Form("anchored", _head("anchored") + _contents() + ANCHORS)
    yield Form("folded", _head("folded") + whole.replace("A small", "A  small") + FOLDED)


TESTS = """\
tests:
  - name: it says its version
    commands:
      - serve --version
    exit-code: 0
    timeout: 30
    output: ^1\\.7
  - commands:
      - serve --bad-option
    exit-code: 2
  - name: from a folder
    directory: /opt/app
    commands:
      - bin/serve --check
    exit-code: 0
"""
TRACKS = """
track:
  - type: debian_package
    package: pkg:deb/debian/nodejs
    match: ^([0-9]+\\.[0-9]+)
    set: NODE
  - type: github_release
    owner: example
    repo: app
    use: tag
    match: ^v1\\.7\\.
    set:
      - var: VERSION
        value: tag
        match: ^v(.*)$
      - var: COMMIT
        value: commit
  - type: github_tag
    owner: example
    repo: app
    match: ^v1\\.
    set: MINOR
  - type: alpine_package
    package: pkg:apk/alpine/app
    set: VERSION
  - type: oci_artifact
    name: registry.example/pkg-app
    match: ^1\\.7
    set:
      - var: WHOLE
        value: reference
  - type: file
    url: https://files.example/latest
    set:
      VERSION: ^(.*)$
  - type: json_file
    name: index
    url: https://files.example/index.json
    set:
      VERSION: .latest.version
"""
FOLDER = """\
paths:
  - type: directory
    path: /src/patch
    uid: 0
    gid: 0
    source: image/folder/patch
  - type: file
    path: /usr/local/bin/entrypoint.sh
    uid: 0
    gid: 0
    mode: "0755"
    source: image/folder/bin/entrypoint.sh
"""
ANCHORS = """\
paths:
  - &owned
    type: directory
    path: /var/lib/app
    uid: 65532
    gid: 65532
  - *owned
"""
FOLDED = """\
labels:
  com.example.about: >-
    One line that is
    folded, with a colon: and a # that begins no comment
  "com.example.quoted": "tab\\tand \\u00e9"
  com.example.plain: 'it''s'
"""


def _content_forms() -> Iterator[Form]:
    yield Form("fetched", _head("fetched") + _contents(FILE) + PATHS)
    yield Form("taken", _head("taken") + _contents(ARTIFACT) + PATHS)
    yield Form("both", _head("both") + _contents(FILE, ARTIFACT) + PATHS)
    yield Form(
        "beside",
        _head("beside")
        + _contents("""
        files:
          - url: file:data/table.csv
            path: /srv/app/table.csv
        """),
        files=(("data/table.csv", "a,b\n"),),
    )
    yield Form(
        "bare",
        _head("bare")
        + _contents(
            f"artifacts:\n  - name: registry.example/all@{DIGEST}\n", packages="packages: []\n"
        ),
    )
    yield Form("empty", _head("empty") + "contents: {}\npaths: []\n")
    yield Form(
        "alpine",
        _head("alpine", system="alpine3.23") + _contents(packages=APK),
        (("  id: alpine", "is made of apk packages"),),
    )
    yield Form(
        "alpine-built",
        _head("alpine-built", system="alpine3.23") + _contents(APK_BUILDS, packages=APK),
        (("  id: alpine", "is made of apk"),),
    )


APK = """
repositories:
  - https://mirror.example/alpine/v3.23/main
keyring:
  - https://mirror.example/keys/example.rsa.pub
packages:
  - alpine-baselayout-data
  - busybox
  - so:libc.musl-x86_64.so.1
  - yarn=1.22.22_git20260211-r2
mappings:
  so:libc.musl-x86_64.so.1: pkg:apk/alpine/musl
"""
APK_BUILDS = """
builds:
  - name: app
    contents:
      repositories:
        - https://mirror.example/alpine/v3.23/main
      packages:
        - so:libc.musl-x86_64.so.1
        - gcc=15.2.0-r2
    pipeline:
      - name: build
        runs: make install
    outputs:
      - source: /opt/app
        target: /opt/app
"""


def _stage_forms() -> Iterator[Form]:
    def built(
        name: str, stages: str, more: str = "", refused: tuple = (), files: tuple = ()
    ) -> Form:
        contents = _contents("builds:\n" + indent(stages, "  "))
        return Form(name, _head(name) + contents + more, refused, files)

    yield built("built", _stage("app", STEPS), PATHS)
    yield built("chained", _stage("first", STEPS) + _stage("second", STEPS, more="work-dir: /src"))
    yield built("standing", _stage("app", STEPS, uses=f"registry.example/rust:1-dev@{DIGEST}"))
    yield built(
        "cached",
        _stage(
            "app",
            STEPS,
            more="""
        caches:
          - path: /go/pkg/mod
          - path: /root/.cache
            sharing: locked
        shell: /bin/bash -e
        privileged: false
        environment:
          GOFLAGS: -mod=vendor
        """,
        ),
    )
    yield built("peopled", _stage("app", PEOPLE))
    yield built("changed", _stage("app", CHANGED))
    yield built("fed", _stage("app", STEPS, fed=FED))
    yield built("acting", _stage("app", ACTING))
    yield built(
        "pathed", _stage("app", STEPS + STAGE_PATHS), files=(("image/pathed/npm.json", "{}\n"),)
    )


PEOPLE = """\
accounts:
  root: true
  run-as: builder
  users:
    - name: builder
      uid: 1000
      gid: 1000
  groups:
    - name: builder
      gid: 1000
      members:
        - builder
pipeline:
  - name: build
    run-as: builder
    shell: /bin/sh
    privileged: false
    caches:
      - path: /home/builder/.cache
        sharing: private
    runs: make
outputs:
  - source: /home/builder/app
    target: /opt/app
"""
CHANGED = """\
pipeline:
  - name: configure
    runs: |
      set -eux -o pipefail
      sed -i "s,listen 80;,listen 8080;," /etc/app/default.conf
      sed -i '/^http {$/a\\    server_tokens off;' /etc/app/app.conf
      chown -R 65532:65532 /etc/app
outputs:
  - source: /
    target: /
    uid: 0
    gid: 0
    diff: true
"""
ACTING = """\
pipeline:
  - name: build
    uses: go/build@v1
    work-dir: /go/src/example.com/app
    with:
      cgo_enabled: 1
      ldflags:
        - -s
        - -w
        - -X example.com/app/build.Version=1.7.3
        - -X example.com/app/build.Date=$(date -u -d @${SOURCE_DATE_EPOCH} +'%FT%TZ')
      output: ${target.dir}/usr/local/bin/app
      tags:
        - netgo
        - osusergo
outputs:
  - source: ${target.dir}/usr/local/bin/app
    target: /usr/local/bin/app
    uid: 0
    gid: 0
    mode: "0755"
"""
STAGE_PATHS = """\
paths:
  - type: file
    path: ${source.dir}/patch/npm.json
    uid: 0
    gid: 0
    source: image/pathed/npm.json
  - type: directory
    path: /opt/docker
"""


def _platform_forms() -> Iterator[Form]:
    arch = '  ARCH: \'#{ target.arch == "amd64" ? "x64" : "aarch64" }\'\n  LIB: lib/${ARCH}\n'

    def head(name: str) -> str:
        return _head(name).replace("vars:\n", "vars:\n" + arch)

    yield Form("arch-file", head("arch-file") + _contents(FILE.replace("app-$", "${ARCH}-$")))
    yield Form(
        "arch-path",
        head("arch-path") + _contents() + PATHS.replace("/usr/bin/serve", "/usr/${LIB}/serve"),
    )
    yield Form(
        "arch-stage",
        head("arch-stage")
        + _contents(BUILDS.replace("set -eux", 'test "${ARCH}" = aarch64; set -eux')),
    )
    yield Form(
        "arch-artifact",
        head("arch-artifact")
        + _contents(ARTIFACT.replace("usr/local/bin/node", "usr/${LIB}/node")),
    )
    yield Form(
        "if-path",
        _head("if-path")
        + _contents()
        + PATHS.replace(
            "    path: /var/lib/app\n", '    path: /var/lib/app\n    if: target.arch == "amd64"\n'
        ),
    )
    yield Form("if-all", _head("if-all") + _contents(IF_ALL))
    yield Form(
        "if-flavor",
        _head("if-flavor", more="flavor: compat")
        + _contents()
        + PATHS.replace(
            "    path: /run/app/\n",
            "    path: /run/app/\n    if: '#{ target.flavor == \"compat\" }'\n",
        ),
    )


IF_ALL = f"""
files:
  - url: https://files.example/arm
    checksum: sha256:{"8" * 64}
    path: /opt/arm
    if: '#{{ target.arch == "arm64" }}'
artifacts:
  - name: registry.example/fips@{DIGEST}
    if: target.fips
builds:
  - name: app
    if: '#{{ !target.fips }}'
    contents:
      packages: [base-files, bash]
      files:
        - url: https://files.example/source.tar.xz
          checksum: sha256:{"9" * 64}
          path: /src/
          if: target.dev || target.arch == "amd64"
      artifacts:
        - name: registry.example/tool@{DIGEST}
          if: "true"
    pipeline:
      - name: only here
        if: target.arch == "amd64"
        runs: make
      - name: everywhere
        runs: make install
    paths:
      - {{type: directory, path: /src/x, if: target.fips}}
    outputs:
      - {{source: /opt/app, target: /opt/app, if: '#{{ target.os == "linux" }}'}}
"""


def _refused_forms() -> Iterator[Form]:
    def one(name: str, contents: str, line: str, message: str) -> Form:
        return Form(name, _head(name) + contents, ((line, message),))

    git = """
        files:
          - url: git+https://code.example/app.git#v1.7.3
            checksum: 0f1e2d3c4b5a69788796a5b4c3d2e1f001020304
            path: /src
        """
    yield one("git", _contents(git), "git+https", "a checkout of a repository")
    yield one(
        "secret-file",
        _contents(FILE.replace("    path: /etc/ssl", "    secret-ref: token\n    path: /etc/ssl")),
        "secret-ref",
        "is a secret of a build",
    )
    yield one(
        "secret-step",
        _contents(BUILDS.replace("      - name: build\n", SECRETS, 1)),
        "secrets:",
        "is a secret of a build",
    )
    yield one(
        "privileged",
        _contents(
            BUILDS.replace(
                "        environment:\n          CFLAGS",
                "        privileged: true\n        environment:\n          CFLAGS",
            )
        ),
        "privileged: true",
        "no network",
    )
    yield one(
        "movable",
        _contents(
            BUILDS.replace(
                "- name: app\n", "- name: app\n    uses: registry.example/node:24-dev\n", 1
            )
        ),
        "uses: registry",
        "an image by its digest",
    )
    yield one(
        "placeholder",
        _contents(ARTIFACT.replace(DIGEST, "sha256:placeholder")),
        "sha256:placeholder",
        "an image by its digest",
    )
    yield one(
        "bumped",
        _contents(
            "builds:\n" + indent(_stage("app", ACTING.replace("go/build@v1", "go/bump@v1")), "  ")
        ),
        "uses: go/bump",
        "no lock can hold",
    )
    yield Form(
        "fips",
        _head("fips", more="dates:\n  type: endoflife\n  url: https://dates.example/app")
        + _contents()
        + "fips-compliant: true\n",
        (
            ("  type: endoflife", "write the dates"),
            ("  url: https://dates", "write the dates"),
            ("fips-compliant", "is a claim"),
        ),
    )
    yield one(
        "misspelt",
        _contents() + PATHS.replace("recursive: true", "recursiv: true", 1),
        "recursiv:",
        "did you mean 'recursive'",
    )
    yield one(
        "followed",
        _contents()
        + dedent("""\
        track:
          - type: github_tag
            owner: example
            repo: app
            match: ^v
            set: NEWEST
        """),
        "set: NEWEST",
        "give NEWEST its value under 'vars'",
    )


SECRETS = """\
      - name: build
        secrets:
          - id: token
            env: TOKEN
            optional: true
"""
FORMS = tuple(_forms())


def write(folder: Path, count: int, forms: Sequence[Form] = FORMS) -> list[Path]:
    """Files of the forms, each as often as it takes to have `count`; gives their paths."""
    paths = []
    for number in range(count):
        form = forms[number % len(forms)]
        place = folder / "image" / f"{form.name}-{number}"
        for name, content in (*form.files, ("1.yaml", form.text)):
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        paths.append(place / "1.yaml")
    return paths


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else PUBLISHED)

"""What a definition means: the model that comes out of a file."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ironhull.definition.model import (
    Group,
    Healthcheck,
    HttpProbe,
    PathKind,
    Track,
    User,
)
from ironhull.definition.reader import load, read
from ironhull.definition.variables import tracked_value
from ironhull.errors import DefinitionError, InputError
from ironhull.oci.platform import Platform

BASE = """\
image: registry.example:5000/web/app
tags: ["1"]
accounts:
  run-as: app
  users: [{name: app, uid: 65532, gid: 65532}]
  groups: [{name: app, gid: 65532, members: [app]}]
os-release: {id: debian, version-id: "13"}
"""


def write(folder: Path, text: str, name: str = "web.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_what_a_file_leaves_out_has_a_default(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, BASE))
    assert loaded.image == "web/app"
    assert loaded.name == "web/app"
    assert (loaded.variant, loaded.flavor, loaded.compression) == ("runtime", "", "zstd")
    assert [str(platform) for platform in loaded.platforms] == ["linux/amd64", "linux/arm64"]
    assert (loaded.distribution, loaded.codename) == ("debian-13", "trixie")
    assert loaded.os_release == {
        "ID": "debian",
        "VERSION_ID": "13",
        "VERSION_CODENAME": "trixie",
    }
    assert loaded.work_dir == "/"
    assert loaded.entrypoint == loaded.cmd == loaded.ports == loaded.volumes == ()
    assert loaded.healthcheck is None
    assert not loaded.squashed
    assert loaded.keep.package_database == "status.d"
    assert not loaded.keep.shell


def test_accounts_become_users_and_groups(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, BASE))
    user = User("app", 65532, 65532, "/home/app", "/usr/sbin/nologin", 0o700)
    assert loaded.accounts.users == (user,)
    assert loaded.accounts.groups == (Group("app", 65532, ("app",)),)
    with_shell = load(write(tmp_path, BASE + "hardening: {shell: true}\n"))
    assert with_shell.accounts.users == (replace(user, shell="/bin/sh"),)


def test_a_user_of_a_group_that_has_no_name_is_a_warning(tmp_path: Path) -> None:
    (warning,) = read(write(tmp_path, BASE.replace("gid: 65532, m", "gid: 9, m"))).warnings
    assert "no group has the number 65532" in warning.message


def test_packages_are_asked_for_pinned_and_kept_out(tmp_path: Path) -> None:
    text = BASE + "contents: {packages: [nodejs, curl=8.14.1-2, '!perl'], recommends: [nodejs]}\n"
    nodejs, curl, perl = load(write(tmp_path, text)).packages
    assert (nodejs.name, nodejs.version, nodejs.excluded, nodejs.recommends) == (
        "nodejs",
        None,
        False,
        True,
    )
    assert (curl.name, curl.version) == ("curl", "8.14.1-2")
    assert (perl.name, perl.excluded) == ("perl", True)
    assert (nodejs.place.line, nodejs.place.column) == (8, 23)


def test_an_own_package_entry_overrides_an_included_one(tmp_path: Path) -> None:
    write(tmp_path, "contents: {packages: ['!perl', netbase]}\n", "base.yaml")
    text = BASE + "includes: [base.yaml]\ncontents: {packages: [perl, '!netbase']}\n"
    packages = load(write(tmp_path, text)).packages
    assert [(p.name, p.excluded) for p in packages] == [("perl", False), ("netbase", True)]


def test_includes_merge_maps_lists_and_scalars_by_their_rules(tmp_path: Path) -> None:
    write(
        tmp_path,
        "name: base\nenvironment: {A: base, B: base}\nports: [80/tcp]\ncmd: [base, arg]\n"
        "platforms: [linux/s390x]\nwork-dir: /base\n",
        "base.yaml",
    )
    own = (
        "includes: [base.yaml]\nname: own\nenvironment: {B: own, C: own}\nports: [443/tcp]\n"
        "cmd: [own]\nplatforms: [linux/amd64]\n"
    )
    loaded = load(write(tmp_path, BASE + own))
    assert loaded.name == "own"
    assert loaded.environment == {"A": "base", "B": "own", "C": "own"}
    assert loaded.ports == ("80/tcp", "443/tcp")
    assert loaded.cmd == ("own",)
    assert loaded.platforms == (Platform("linux", "amd64"),)
    assert loaded.work_dir == "/base"


def test_later_includes_lie_over_earlier_ones_and_shared_ones_come_once(tmp_path: Path) -> None:
    write(tmp_path, "ports: [1/tcp]\n", "shared.yaml")
    write(tmp_path, "includes: [shared.yaml]\nname: a\nports: [2/tcp]\n", "a.yaml")
    write(tmp_path, "includes: [shared.yaml]\nname: b\nports: [3/tcp]\n", "b.yaml")
    loaded = load(write(tmp_path, BASE + "includes: [a.yaml, b.yaml]\n"))
    assert loaded.name == "b"
    assert loaded.ports == ("1/tcp", "2/tcp", "3/tcp")


def test_a_definition_of_the_catalog_may_include_from_all_of_the_catalog(tmp_path: Path) -> None:
    write(tmp_path, "name: shared\n", "images/_shared/base.yaml")
    text = BASE + "includes: [../../_shared/base.yaml]\n"
    path = write(tmp_path, text, "images/web/debian-13/1.yaml")
    assert load(path).name == "shared"
    elsewhere = write(tmp_path, text, "other/web/debian-13/1.yaml")
    write(tmp_path, "name: shared\n", "other/_shared/base.yaml")
    with pytest.raises(DefinitionError, match="leads out"):
        load(elsewhere)
    assert load(elsewhere, tree=tmp_path / "other").name == "shared"


def test_a_source_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    write(tmp_path, "from shared", "images/_shared/x.conf")
    write(
        tmp_path,
        "paths: [{type: file, path: /etc/x, source: x.conf, uid: 7, mode: '0640'}]\n",
        "images/_shared/base.yaml",
    )
    text = BASE + "includes: [../../_shared/base.yaml]\n"
    (edit,) = load(write(tmp_path, text, "images/web/debian-13/1.yaml")).paths
    assert edit.content == b"from shared"
    assert (edit.kind, edit.path, edit.uid, edit.gid, edit.mode) == (
        PathKind.FILE,
        "/etc/x",
        7,
        0,
        0o640,
    )
    assert edit.source is None


def test_variables_are_replaced_in_every_value(tmp_path: Path) -> None:
    text = BASE + (
        "vars: {VERSION: 20.19.2, MAJOR: '${VERSION:^([0-9]+)}', X: 'a$${b'}\n"
        "name: App ${VERSION}\nenvironment: {V: '${MAJOR}.x', LITERAL: '$${HOME} $HOME ${X}'}\n"
        "contents: {packages: ['nodejs=${VERSION}-1']}\n"
        "cmd: [node, '${VERSION:^([0-9]{2}\\.[0-9]{1,2})}']\n"
    )
    loaded = load(write(tmp_path, text))
    assert loaded.name == "App 20.19.2"
    assert loaded.environment == {"V": "20.x", "LITERAL": "${HOME} $HOME a${b"}
    assert loaded.packages[0].version == "20.19.2-1"
    assert loaded.cmd == ("node", "20.19")
    assert loaded.pending == ()


TRACKED = (
    BASE.replace('["1"]', '["20", "${V}", "${V:^([0-9]+\\\\.[0-9]+)}", "${V}-debian13"]')
    + "track: [{type: debian_package, package: pkg:deb/debian/nodejs, set: V, "
    "match: '^([0-9.]+)'}]\n"
    "environment: {NODE_VERSION: '${V}'}\n"
)


def test_tags_of_a_tracked_variable_wait_for_the_lock(tmp_path: Path) -> None:
    path = write(tmp_path, TRACKED)
    before = load(path)
    assert before.tags == ("20",)
    assert before.pending == ("V",)
    assert before.environment == {"NODE_VERSION": "${V}"}
    after = load(path, {"V": "20.19.2"})
    assert after.tags == ("20", "20.19.2", "20.19", "20.19.2-debian13")
    assert after.pending == ()
    assert after.environment == {"NODE_VERSION": "20.19.2"}
    assert after.digest != before.digest


def test_a_tracked_variable_takes_its_value_from_the_version_in_the_archive(
    tmp_path: Path,
) -> None:
    (track,) = load(write(tmp_path, TRACKED)).tracks
    assert isinstance(track, Track)
    assert (track.package, track.variable) == ("nodejs", "V")
    assert tracked_value(track, "20.19.2+dfsg-1+deb13u3") == "20.19.2"
    with pytest.raises(InputError, match="change 'match'"):
        tracked_value(track, "unknown")


def test_a_declared_value_stands_until_the_lock_gives_one(tmp_path: Path) -> None:
    path = write(tmp_path, TRACKED + "vars: {V: 1.2.3}\n")
    assert load(path).tags[1] == "1.2.3"
    assert load(path, {"V": "2.0"}).tags[1] == "2.0"


DERIVED = (
    BASE + "contents: {artifacts: [{name: 'python@${D}', includes: [usr]}, "
    "{name: 'node@${SAME}', includes: [usr]}]}\n"
    "track: [{type: oci_artifact, package: 'python:3.13', set: D}]\n"
    "vars: {SAME: '${D}'}\n"
    "environment: {PYTHON: '${D:^sha256:(.{12})}'}\n"
)
DIGEST = "sha256:" + "ab" * 32


def test_what_is_taken_out_of_a_followed_image_waits_for_the_lock(tmp_path: Path) -> None:
    path = write(tmp_path, DERIVED)
    before = load(path)
    assert (before.artifacts, before.pending) == ((), ("D",))
    assert [(each.reference, each.variable) for each in before.followed] == [("python:3.13", "D")]
    after = load(path, {"D": DIGEST})
    assert [(each.reference, each.digest) for each in after.artifacts] == [
        ("python", DIGEST), ("node", DIGEST),
    ]  # fmt: skip
    assert after.environment == {"PYTHON": "ab" * 6}
    assert (after.pending, after.version, before.version) == ((), "", "")
    assert load(path, {"D": DIGEST.replace("ab", "cd")}).digest != after.digest
    declared = load(write(tmp_path, DERIVED.replace("vars: {", f"vars: {{D: '{DIGEST}', ")))
    assert (declared.artifacts[0].digest, declared.pending) == (DIGEST, ())


ALPHA = "{type: debian_package, package: pkg:deb/debian/npm, set: ALPHA}"
TWO = (
    TRACKED.replace("track: [", f"track: [{ALPHA}, ")
    .replace("match: '^([0-9.]+)'", "match: '^(.*)$'")
    .replace("NODE_VERSION: '${V}'", "NPM: '${ALPHA}'")
)
VALUES = {"ALPHA": "9.2", "V": "20.19.2"}


def tagged(*tags: str) -> str:
    """A definition that follows two packages, ALPHA the first by name, with these tags."""
    listed = ", ".join(f"'{tag}'" for tag in tags)
    return re.sub(r"tags: \[.*\]", lambda _: f"tags: ['1', {listed}]", TWO)


@pytest.mark.parametrize(
    ("tags", "version"),
    [
        (("${V}", "${V}-debian13"), "20.19.2"),
        (("${V}-npm${ALPHA}",), "20.19.2"),
        (("v${V}",), "20.19.2"),
        (("${V:^([0-9]+)}",), "20.19.2"),
        (("${SHORT}",), "20.19.2"),
        (("v${V}-npm${ALPHA}",), ""),
        (("${V}", "${ALPHA}"), ""),
        (("2",), ""),
    ],
)
def test_the_version_is_the_tracked_variable_that_the_tags_begin_with(
    tmp_path: Path, tags: tuple[str, ...], version: str
) -> None:
    path = write(tmp_path, tagged(*tags) + "vars: {SHORT: '${V:^([0-9]+)}'}\n")
    assert load(path, VALUES).version == version
    assert load(path).version == ""


def test_tags_that_begin_with_several_versions_are_said_unless_the_definition_decides(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, tagged("${V}", "${ALPHA}"))
    (warning,) = read(path, VALUES).warnings
    assert "ALPHA, V: which one is the image's version?" in warning.message
    decided = tagged("${V}", "${ALPHA}") + "labels: {org.opencontainers.image.version: '${V}'}\n"
    assert read(write(tmp_path, decided), VALUES).warnings == ()


def test_a_suffix_is_put_after_every_tag(tmp_path: Path) -> None:
    text = BASE.replace('["1"]', '["20", "20-debian13"]') + "suffix: dev\n"
    assert load(write(tmp_path, text)).tags == ("20-dev", "20-debian13-dev")


def test_scalars_are_read_as_yaml_1_2_reads_them(tmp_path: Path) -> None:
    text = BASE + (
        "dates: {release: 2023-04-18}\nenvironment: {A: yes, B: off, C: 12:30:45, D: 24.14.0}\n"
        "tests: [{name: a, commands: [[x]], exit-code: 0o17, timeout: 010}]\n"
    )
    loaded = load(write(tmp_path, text))
    assert loaded.dates == {"release": "2023-04-18"}
    assert loaded.environment == {"A": "yes", "B": "off", "C": "12:30:45", "D": "24.14.0"}
    assert (loaded.tests[0].exit_code, loaded.tests[0].timeout) == (15, 10)


def test_config_values_are_taken_over(tmp_path: Path) -> None:
    text = BASE + (
        "entrypoint: [nginx, '']\ncmd: [-g, daemon off;]\nports: [8080/tcp, 53/udp]\n"
        "volumes: [/data]\nstop-signal: SIGQUIT\nlabels: {a.b: x}\nannotations: {c.d: y}\n"
        "healthcheck: {command: [nginx, -t], interval: 5, start-period: 1}\n"
        "compression: zstd:19\noutput: squashed\n"
        "hardening: {setuid: [/usr/bin/su], package-database: dpkg, package-manager: true}\n"
    )
    loaded = load(write(tmp_path, text))
    assert loaded.entrypoint == ("nginx", "")
    assert loaded.cmd == ("-g", "daemon off;")
    assert loaded.ports == ("8080/tcp", "53/udp")
    assert loaded.volumes == ("/data",)
    assert loaded.stop_signal == "SIGQUIT"
    assert (loaded.labels, loaded.annotations) == ({"a.b": "x"}, {"c.d": "y"})
    assert loaded.healthcheck == Healthcheck(("nginx", "-t"), 5, 30, 1, 3)
    assert (loaded.compression, loaded.squashed) == ("zstd:19", True)
    assert loaded.keep.setuid == ("/usr/bin/su",)
    assert (loaded.keep.package_database, loaded.keep.package_manager) == ("dpkg", True)


def test_tests_have_commands_as_vectors_and_probes(tmp_path: Path) -> None:
    text = BASE + (
        "hardening: {shell: true}\ntests:\n"
        "- {name: one, commands: [[node, -v], node -v | grep 20], output: '^v', user: root,\n"
        "   network: true, writable: true, background: true, directory: /tmp, timeout: 5}\n"
        "- {name: two, http: {port: 8080, path: /x?y, status: 404, body: no}}\n"
    )
    one, two = load(write(tmp_path, text)).tests
    assert one.commands == (("node", "-v"), ("/bin/sh", "-c", "node -v | grep 20"))
    assert (one.output, one.user, one.timeout, one.directory) == ("^v", "root", 5, "/tmp")
    assert one.network
    assert one.writable
    assert one.background
    assert two.http == HttpProbe(8080, "/x?y", 404, "no")
    assert two.commands == ()


def test_repositories_trust_the_key_that_they_name(tmp_path: Path) -> None:
    write(tmp_path, "KEY A", "keys/a.asc")
    write(tmp_path, "KEY B", "keys/b.gpg")
    url = f"https://c.example/c.asc#sha256={'1' * 64}"
    text = BASE + (
        "contents:\n"
        f"  keyring: [keys/a.asc, keys/b.gpg, '{url}']\n"
        "  repositories:\n"
        "  - deb [signed-by=/k/a.gpg] https://a.example/debian/ trixie main extra\n"
        "  - deb https://b.example:8443/x trixie main\n"
        "  - deb [signed-by=/etc/apt/keyrings/c.gpg] http://c.example/ stable/updates main\n"
    )
    a, b, c = load(write(tmp_path, text)).repositories
    assert (a.name, a.uri, a.suite, a.components, a.keyrings, a.key_urls) == (
        "a",
        "https://a.example/debian",
        "trixie",
        ("main", "extra"),
        (b"KEY A",),
        (),
    )
    assert (b.name, b.keyrings, b.key_urls) == (
        "b-example-x",
        (b"KEY A", b"KEY B"),
        (url,),
    )
    assert (c.name, c.suite, c.keyrings, c.key_urls) == ("c", "stable/updates", (), (url,))


def test_a_repository_cannot_take_the_name_of_the_distributions_own(tmp_path: Path) -> None:
    text = BASE + (
        "contents:\n  repositories:\n"
        "  - deb [signed-by=/k/debian.gpg] https://a.example/x one main\n"
        "  - deb [signed-by=/k/debian.gpg] https://a.example/x two main\n"
        "  - deb [signed-by=/k/debian.gpg] https://b.example/x one main\n"
    )
    names = [repository.name for repository in load(write(tmp_path, text)).repositories]
    assert names == ["debian-2", "debian-2", "debian-3"]


def test_a_local_file_becomes_an_absolute_address(tmp_path: Path) -> None:
    data = write(tmp_path, "data", "data.txt")
    text = BASE + (
        "contents: {files: [{url: 'file:data.txt', path: /srv/data, mode: '0600', "
        f"checksum: 'sha256:{'0' * 64}', spdx: {{name: x, packages: [{{name: y}}]}}}}]}}\n"
    )
    (request,) = load(write(tmp_path, text)).files
    assert request.url == data.resolve().as_uri()
    assert (request.mode, request.path) == (0o600, "/srv/data")
    assert request.spdx == {"name": "x", "packages": [{"name": "y"}]}


def test_the_digest_does_not_count_form_comments_place_or_tests(tmp_path: Path) -> None:
    one = load(write(tmp_path, BASE + "environment: {A: x, B: y}\n"))
    other = (
        "# a comment\n\n" + BASE + "environment:\n  B: 'y'\n  A: x\n"
        "tests: [{name: a, commands: [[x]]}]\n"
    )
    assert load(write(tmp_path, other, "elsewhere/other.yaml")).digest == one.digest


@pytest.mark.parametrize(
    "change",
    [
        "cmd: [x]\n",
        "contents: {packages: [x1]}\n",
        "paths: [{type: file, path: /a, content: x}]\n",
        "platforms: [linux/amd64]\n",
        "hardening: {shell: true}\n",
        "compression: gzip\n",
        "labels: {a: b}\n",
    ],
)
def test_the_digest_counts_what_decides_the_image(change: str, tmp_path: Path) -> None:
    before = load(write(tmp_path, BASE)).digest
    assert load(write(tmp_path, BASE + change)).digest != before


def test_the_digest_counts_the_bytes_of_source_files(tmp_path: Path) -> None:
    path = write(tmp_path, BASE + "paths: [{type: file, path: /a, source: a.conf}]\n")
    write(tmp_path, "one", "a.conf")
    before = load(path).digest
    write(tmp_path, "two", "a.conf")
    assert load(path).digest != before


def test_the_syntax_line_of_another_distribution_is_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, "# syntax=dhi.io/build:2-alpine3.23\n" + BASE)
    (warning,) = read(path).warnings
    assert str(warning).endswith(
        "web.yaml:1:1: the syntax line says alpine-3.23, os-release says debian-13; "
        "os-release counts"
    )
    same = write(tmp_path, "# syntax=dhi.io/build:2-debian13\n" + BASE)
    assert read(same).warnings == ()


def test_the_same_file_read_twice_is_equal(tmp_path: Path) -> None:
    path = write(tmp_path, TRACKED)
    assert load(path) == load(path)
    assert os.fspath(load(path).file) == str(path)

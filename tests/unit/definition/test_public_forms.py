"""Definitions in the forms that the public catalog has: read as they are meant, or refused once."""

from pathlib import Path

import pytest

from ironhull.definition.model import Group, PathKind
from ironhull.definition.pins import Pins
from ironhull.definition.reader import Loaded, load, read
from ironhull.errors import DefinitionError
from ironhull.oci.digest import Digest, digest_of
from ironhull.settings import Unpinned

PUBLIC = """\
# syntax=registry.example/build:2-debian13

name: Web 1.x
image: registry.example/web
variant: runtime
tags:
  - "1"
  - 1-debian13
platforms:
  - linux/amd64
  - linux/arm64
accounts:
  run-as: web
  users:
    - name: web
      uid: 1000
      gid: 1000
  groups:
    - name: web
      gid: 1000
      members:
        - web
os-release:
  name: Example (Debian)
  id: debian
  version-id: "13"
  version-codename: trixie
"""
ALPINE = PUBLIC.replace("debian13", "alpine3.23").replace("id: debian", "id: alpine")
ALPINE = ALPINE.replace('"13"', '"3.23"').replace("  version-codename: trixie\n", "")


def write(folder: Path, text: str, name: str = "web.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def loaded(folder: Path, text: str) -> Loaded:
    return read(write(folder, text))


def warned(found: Loaded) -> list[str]:
    return [f"{warning.line}: {warning.message}" for warning in found.warnings]


def problems(path: Path) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        load(path)
    return [
        f"{problem.line}:{problem.column}: {problem.message}" for problem in caught.value.problems
    ]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_plain_form_has_no_warning(tmp_path: Path) -> None:
    found = loaded(tmp_path, PUBLIC)
    assert (found.definition.image, found.definition.tags) == ("web", ("1", "1-debian13"))
    assert found.warnings == ()


@pytest.mark.parametrize("order", [("'!mawk'", "mawk"), ("mawk", "'!mawk'")])
def test_a_package_kept_out_and_asked_for_is_asked_for_and_that_is_said(
    order: tuple[str, str], tmp_path: Path
) -> None:
    text = (
        PUBLIC + f"contents:\n  packages:\n    - {order[0]}\n    - base-files\n    - {order[1]}\n"
    )
    found = loaded(tmp_path, text)
    packages = [(package.name, package.excluded) for package in found.definition.packages]
    assert sorted(packages) == [("base-files", False), ("mawk", False)]
    out, asked = (line_of(text, f"- {word}\n") for word in ("'!mawk'", "mawk"))
    assert warned(found) == [
        f"{out}: package 'mawk' is kept out here and asked for in line {asked}: it is asked for"
    ]


@pytest.mark.parametrize("listed", ["[python, python=3.13-1]", "[python=3.13-1, python]"])
def test_a_package_and_its_pin_are_the_pin(listed: str, tmp_path: Path) -> None:
    found = loaded(tmp_path, PUBLIC + f"contents: {{packages: {listed}}}\n")
    assert [(p.name, p.version) for p in found.definition.packages] == [("python", "3.13-1")]
    assert found.warnings == ()


def test_a_number_names_the_user_that_has_it(tmp_path: Path) -> None:
    definition = load(write(tmp_path, PUBLIC.replace("run-as: web", 'run-as: "1000"')))
    assert definition.accounts.run_as == "web"
    root = PUBLIC.replace("run-as: web", 'root: true\n  run-as: "0"')
    assert load(write(tmp_path, root)).accounts.run_as == "root"


def test_an_account_that_stands_twice_is_one(tmp_path: Path) -> None:
    user = "    - name: web\n      uid: 1000\n      gid: 1000\n"
    group = "    - name: web\n      gid: 1000\n      members:\n        - web\n"
    text = PUBLIC.replace(user, user * 2).replace(group, group * 2)
    found = loaded(tmp_path, text)
    assert [user.name for user in found.definition.accounts.users] == ["web"]
    assert found.definition.accounts.groups == (Group("web", 1000, ("web",)),)
    assert warned(found) == ["18: user 'web' stands twice", "26: group 'web' stands twice"]


def test_a_user_twice_with_another_number_is_refused(tmp_path: Path) -> None:
    user = "    - name: web\n      uid: 1000\n      gid: 1000\n"
    text = PUBLIC.replace(user, user + user.replace("uid: 1000", "uid: 1001"))
    assert problems(write(tmp_path, text)) == ["18:13: user 'web' is defined twice"]


@pytest.mark.parametrize("written", ["/run/web/", "//run//web", "/run/./web", "/run/web/."])
def test_every_way_to_write_a_path_is_the_same_path(written: str, tmp_path: Path) -> None:
    text = PUBLIC + (
        f"work-dir: {written}\nvolumes: [{written}]\n"
        f"paths: [{{type: directory, path: {written}}}]\n"
        f"hardening: {{setuid: [{written}]}}\n"
    )
    found = loaded(tmp_path, text)
    definition = found.definition
    paths = {definition.work_dir, *definition.volumes, definition.paths[0].path}
    assert paths | set(definition.keep.setuid) == {"/run/web"}
    assert found.warnings == ()


def test_a_port_without_a_protocol_is_of_tcp(tmp_path: Path) -> None:
    found = loaded(tmp_path, PUBLIC + 'ports: ["8080", 53/udp]\n')
    assert found.definition.ports == ("8080/tcp", "53/udp")


def test_a_flavor_may_have_dots(tmp_path: Path) -> None:
    assert load(write(tmp_path, PUBLIC + "flavor: cuda12.6\n")).flavor == "cuda12.6"


@pytest.mark.parametrize("mode", ["0755", "4755"])
def test_the_mode_of_a_symlink_is_left_out_and_that_is_said(mode: str, tmp_path: Path) -> None:
    text = PUBLIC + (
        f"paths:\n  - type: symlink\n    path: /bin/x\n    mode: '{mode}'\n    source: y\n"
    )
    found = loaded(tmp_path, text)
    (edit,) = found.definition.paths
    assert (edit.kind, edit.source, edit.mode) == (PathKind.SYMLINK, "y", None)
    line = line_of(text, "    mode:")
    assert warned(found) == [f"{line}: a symlink has no mode of its own: left out"]


START = "paths:\n  - {type: file, path: /start.sh, mode: '0755', source: image/web/bin/start.sh}\n"


@pytest.mark.parametrize("folder", ["debian-13", "debian"])
def test_a_source_may_be_relative_to_the_folder_that_the_catalog_stands_in(
    folder: str, tmp_path: Path
) -> None:
    write(tmp_path, "#!/bin/sh\n", "catalog/image/web/bin/start.sh")
    path = write(tmp_path, PUBLIC + START, f"catalog/image/web/{folder}/1.yaml")
    assert load(path).paths[0].content == b"#!/bin/sh\n"
    # A catalog of another name is told; its paths are of itself.
    (tmp_path / "catalog/image").rename(tmp_path / "catalog/other")
    moved = tmp_path / f"catalog/other/web/{folder}/1.yaml"
    moved.write_text(moved.read_text().replace("source: image/", "source: "))
    assert load(moved, tree=tmp_path / "catalog/other").paths[0].content == b"#!/bin/sh\n"


def test_a_source_beside_the_definition_is_the_nearer_one(tmp_path: Path) -> None:
    write(tmp_path, "far", "image/web/bin/start.sh")
    write(tmp_path, "near", "image/web/debian-13/image/web/bin/start.sh")
    path = write(tmp_path, PUBLIC + START, "image/web/debian-13/1.yaml")
    assert load(path).paths[0].content == b"near"


def test_a_source_that_is_nowhere_names_every_place_that_was_tried(tmp_path: Path) -> None:
    path = write(tmp_path, PUBLIC + START, "image/web/debian-13/1.yaml")
    (found,) = problems(path)
    assert found.endswith(
        "image/web/bin/start.sh cannot be read: No such file or directory (tried "
        f"{tmp_path}/image/web/debian-13/image/web/bin/start.sh and "
        f"{tmp_path}/image/web/bin/start.sh)"
    )


def test_the_folder_that_the_catalog_stands_in_is_not_part_of_it(tmp_path: Path) -> None:
    write(tmp_path, "secret", "secret.conf")
    write(tmp_path, "secret", "image2/x")
    (tmp_path / "image/web").mkdir(parents=True)
    (tmp_path / "image/web/link").symlink_to("../../secret.conf")
    for source in ("secret.conf", "image2/x", "image/../secret.conf", "image/web/link"):
        text = PUBLIC + f"paths: [{{type: file, path: /a, source: {source}}}]\n"
        (found,) = problems(write(tmp_path, text, "image/web/debian-13/1.yaml"))
        assert "leads out of" in found or "No such file" in found, found


def test_an_include_may_be_relative_to_the_folder_that_the_catalog_stands_in(
    tmp_path: Path,
) -> None:
    write(tmp_path, "name: shared\nports: [x]\n", "image/base.yaml")
    text = PUBLIC.replace("name: Web 1.x\n", "includes: [image/base.yaml]\n")
    path = write(tmp_path, text, "image/web/debian-13/1.yaml")
    with pytest.raises(DefinitionError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / "image/base.yaml"), 2)


def test_packages_of_another_system_are_refused_once(tmp_path: Path) -> None:
    text = ALPINE + (
        "contents:\n  repositories:\n    - https://mirror.example/alpine/v3.23/main\n"
        "  keyring:\n    - https://keys.example/a.rsa.pub\n"
        "  packages:\n    - yarn=1.22.22_git20260211-r2\n    - so:libc.musl-x86_64.so.1\n"
    )
    (found,) = problems(write(tmp_path, text))
    assert found == (
        f"{line_of(text, '  id: alpine')}:7: 'alpine' is made of apk packages, which Ironhull does "
        "not read (known: debian); its packages, repositories and keys are not looked at"
    )


def test_what_else_is_wrong_is_said_beside_what_is_not_done(tmp_path: Path) -> None:
    text = ALPINE + "contents:\n  builds: [{name: x, outputs: []}]\nwork-dir: app\n"
    assert len(problems(write(tmp_path, text))) == 3


SCRIPT = """\
paths:
  - type: file
    path: /start.sh
    mode: "0755"
    content: |
      #!/bin/sh
      echo "${1#-} ${HOME} ${PORT:-8080} ${VERSION} ${VERSION:-none} ${#list[@]} ${source.dir}"
"""


def test_what_names_no_variable_stays_as_it_is_in_a_script(tmp_path: Path) -> None:
    found = loaded(tmp_path, PUBLIC + "vars: {VERSION: '1.2'}\n" + SCRIPT)
    content = found.definition.paths[0].content
    assert content == (
        b'#!/bin/sh\necho "${1#-} ${HOME} ${PORT:-8080} 1.2 ${VERSION:-none} ${#list[@]} '
        b'${source.dir}"\n'
    )
    assert found.warnings == ()


@pytest.mark.parametrize("where", ["cmd: [sh, -c, '%s']", "entrypoint: ['%s']"])
def test_what_names_no_variable_stays_as_it_is_in_a_command(where: str, tmp_path: Path) -> None:
    found = loaded(tmp_path, PUBLIC + where % "echo ${HOME}" + "\n")
    definition = found.definition
    assert (definition.cmd or definition.entrypoint)[-1] == "echo ${HOME}"
    assert found.warnings == ()


def test_what_names_no_variable_elsewhere_stays_as_it_is_and_that_is_said(tmp_path: Path) -> None:
    text = (
        PUBLIC
        + "vars: {WEB_VERSION: '1'}\nenvironment: {PATH: '/opt:${PATH}', V: '${WEB_VERSIO}'}\n"
    )
    found = loaded(tmp_path, text)
    assert found.definition.environment == {"PATH": "/opt:${PATH}", "V": "${WEB_VERSIO}"}
    line = line_of(text, "environment:")
    assert warned(found) == [
        f"{line}: no variable 'PATH' (known: WEB_VERSION): ${{PATH}} is kept as text",
        f"{line}: no variable 'WEB_VERSIO'; did you mean 'WEB_VERSION': ${{WEB_VERSIO}} is kept as "
        "text",
    ]


ARCH = """vars:
  ARCH: '#{ target.arch == "amd64" ? "x86_64" : "aarch64" }'
  LIBRARIES: /usr/lib/${ARCH}-linux-gnu
"""


def test_an_edit_that_depends_on_the_platform_is_one_for_each(tmp_path: Path) -> None:
    text = (
        PUBLIC
        + ARCH
        + (
            "paths:\n"
            "  - {type: symlink, path: '${LIBRARIES}/libx.so', source: libx.so.1}\n"
            "  - {type: symlink, path: /all, source: x}\n"
            "  - {type: symlink, path: '/${target.arch}', source: x, platforms: [linux/arm64]}\n"
        )
    )
    definition = load(write(tmp_path, text))
    made = [
        (edit.path, [str(platform) for platform in edit.platforms]) for edit in definition.paths
    ]
    assert made == [
        ("/usr/lib/x86_64-linux-gnu/libx.so", ["linux/amd64"]),
        ("/usr/lib/aarch64-linux-gnu/libx.so", ["linux/arm64"]),
        ("/all", []),
        ("/arm64", ["linux/arm64"]),
    ]


def test_a_file_that_depends_on_the_platform_is_one_for_each(tmp_path: Path) -> None:
    text = (
        PUBLIC
        + ARCH
        + (
            "contents:\n  files:\n    - path: /usr/bin/x\n      url: https://files.example/x-${ARCH}\n"
            f"      checksum: sha256:{'0' * 64}\n"
        )
    )
    files = load(write(tmp_path, text)).files
    assert [(file.url, [str(platform) for platform in file.platforms]) for file in files] == [
        ("https://files.example/x-x86_64", ["linux/amd64"]),
        ("https://files.example/x-aarch64", ["linux/arm64"]),
    ]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('target.dev ? "1" : "0"', "0"),
        ('!target.dev && target.flavor == "compat" ? "yes" : "no"', "yes"),
        ('target.fips || (target.dev != true) ? "a" : target.dev ? "b" : "c"', "a"),
        ("target.dev", "false"),
        ("target.flavor", "compat"),
    ],
)
def test_an_expression_of_the_image_itself_is_evaluated(
    expression: str, value: str, tmp_path: Path
) -> None:
    text = (
        PUBLIC
        + f"flavor: compat\nvars: {{X: '#{{ {expression} }}'}}\nenvironment: {{V: '${{X}}'}}\n"
    )
    assert load(write(tmp_path, text)).environment == {"V": value}


def test_a_literal_expression_is_written_with_two_signs(tmp_path: Path) -> None:
    found = loaded(tmp_path, PUBLIC + "labels: {a: 'x ##{y}'}\n")
    assert found.definition.labels == {"a": "x #{y}"}


KEY = "https://keys.example/web.asc"
FILE = "https://files.example/web-1.0.tar.gz"
UNPINNED = (
    PUBLIC
    + f"""\
contents:
  repositories:
    - deb [signed-by=/usr/share/keyrings/web.gpg] https://archive.example/debian trixie main
  keyring:
    - {KEY}
  files:
    - url: {FILE}
      checksum: {FILE}.sha256
      path: /opt/web
"""
)
DIGEST = Digest("sha256:" + "5" * 64)


def test_a_key_and_a_file_without_digest_need_a_setting_each(tmp_path: Path) -> None:
    path = write(tmp_path, UNPINNED)
    for allowed, wanted in ((set(), {"keys", "files"}), ({Unpinned.KEYS}, {"files"})):
        with pytest.raises(DefinitionError) as caught:
            load(path, pins=Pins(allowed=frozenset(allowed)))
        named = {
            problem.message.rpartition("'")[0].rpartition("'")[2]
            for problem in caught.value.problems
        }
        assert named == wanted


def test_what_has_no_digest_is_said_at_every_reading_and_held_to_the_lock(tmp_path: Path) -> None:
    path, allowed = write(tmp_path, UNPINNED), frozenset(Unpinned)
    before = read(path, pins=Pins(allowed=allowed))
    assert before.definition.addressed == (FILE, KEY)
    assert before.definition.files[0].checksum is None
    assert before.definition.repositories[0].key_urls == (KEY,)
    assert [warning.partition(": ")[2] for warning in warned(before)] == [
        f"no digest of {address}: trusted as it is there when locking (the setting allow_unpinned "
        "allows it)"
        for address in (KEY, FILE)
    ]
    after = read(path, pins=Pins({KEY: DIGEST, FILE: DIGEST}, allowed))
    assert after.definition.files[0].checksum == DIGEST
    assert after.definition.repositories[0].key_urls == (f"{KEY}#sha256={'5' * 64}",)
    assert f"held to the lock's {DIGEST}" in warned(after)[0]
    assert after.definition.digest != before.definition.digest


def test_a_digest_of_the_definition_needs_no_setting(tmp_path: Path) -> None:
    text = UNPINNED.replace(f"- {KEY}", f"- {KEY}#sha256={'1' * 64}")
    text = text.replace(f"{FILE}.sha256", f"sha256:{'2' * 64}")
    found = loaded(tmp_path, text)
    assert (found.definition.addressed, found.warnings) == ((), ())


def test_a_file_over_plain_http_always_needs_a_digest(tmp_path: Path) -> None:
    path = write(
        tmp_path, UNPINNED.replace(f"url: {FILE}", f"url: {FILE.replace('https', 'http')}")
    )
    with pytest.raises(DefinitionError) as caught:
        load(path, pins=Pins(allowed=frozenset(Unpinned)))
    (problem,) = caught.value.problems
    assert problem.message == "without a digest nothing is taken from an http: address"


def test_a_file_beside_the_definition_is_its_own_digest(tmp_path: Path) -> None:
    write(tmp_path, "data", "data.txt")
    text = PUBLIC + "contents: {files: [{url: 'file:data.txt', path: /srv/data}]}\n"
    found = loaded(tmp_path, text)
    assert found.definition.files[0].checksum == digest_of(b"data")
    assert (found.definition.addressed, found.warnings) == ((), ())


@pytest.mark.parametrize(
    ("name", "written", "path"),
    [
        ("x.tar.gz", "/opt/x", "/opt/x/"),
        ("x.tar.gz", "/opt/x/", "/opt/x/"),
        ("x.tar.gz", "/opt/x.tgz", "/opt/x.tgz"),
        ("x.tar.gz", "/", "/"),
        ("x", "/usr/bin/x", "/usr/bin/x"),
    ],
)
def test_an_archive_is_unpacked_unless_its_path_is_one_of_an_archive(
    name: str, written: str, path: str, tmp_path: Path
) -> None:
    text = PUBLIC + (
        f"contents: {{files: [{{url: 'https://files.example/{name}', path: {written}, "
        f"checksum: {DIGEST}}}]}}\n"
    )
    assert load(write(tmp_path, text)).files[0].path == path


def test_a_test_that_is_run_beside_the_image_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    text = PUBLIC + (
        "tests:\n  - name: all\n    directory: image/web/tests\n    commands: [go test .]\n"
        "  - name: own\n    directory: /app\n    commands: [[web]]\n"
    )
    found = loaded(tmp_path, text)
    assert [test.name for test in found.definition.tests] == ["own"]
    assert warned(found) == [
        f"{line_of(text, '    directory: image')}: this test is a program in the folder "
        "image/web/tests of the definition's repository, not one in the image: left out"
    ]
    (first,) = problems(write(tmp_path, text.replace("image/web/tests", "app")))
    assert first.endswith("expected an absolute path like /app, got 'app'")

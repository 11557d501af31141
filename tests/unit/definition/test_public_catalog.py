"""Fifty definitions with every key and oddity of the public catalog: read, or refused by name."""

from pathlib import Path

import pytest
import yaml
from outside.public_forms import DIGEST, FORMS, Form, write

from ironhull.definition.format import FORMAT
from ironhull.definition.model import BuildStage, FileRequest, ImageDefinition, PathKind, Slice
from ironhull.definition.reader import load, read
from ironhull.definition.shape import FixedKeys, ListOf, Shape, TextOr
from ironhull.errors import DefinitionError

BY_NAME = {form.name: form for form in FORMS}


def written(folder: Path, form: Form) -> Path:
    (path,) = write(folder, 1, [form])
    return path


@pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])
def test_a_form_is_read_or_refused_where_it_says_so(form: Form, tmp_path: Path) -> None:
    path = written(tmp_path, form)
    try:
        definition = load(path)
    except DefinitionError as error:
        found = [(problem.line, problem.message) for problem in error.problems]
    else:
        found = []
        assert definition.image == form.text.partition("image: registry.example/")[2].split()[0]
    lines = form.text.splitlines()
    assert len(found) == len(form.refused)
    for (number, message), (line, part) in zip(found, form.refused, strict=True):
        assert line in lines[number - 1]
        assert part in message


def _public_keys(shape: Shape, way: str = "") -> set[str]:
    """Every key of the public format below a shape, as `contents.builds[].name`."""
    match shape:
        case ListOf():
            return _public_keys(shape.item, f"{way}[]")
        case TextOr():
            return set()
        case FixedKeys():
            found = {f"{way}.{key}".lstrip(".") for key in shape.refused}
            for name, key in shape.keys.items():
                if not key.ours:
                    inner = f"{way}.{name}".lstrip(".")
                    found |= {inner} | _public_keys(key.shape, inner)
            return found
    return set()


def _used(value: object, way: str = "") -> set[str]:
    if isinstance(value, dict):
        inner = {f"{way}.{key}".lstrip("."): below for key, below in value.items()}
        return set(inner).union(*(_used(below, key) for key, below in inner.items()))
    if isinstance(value, list):
        return set().union(*(_used(below, f"{way}[]") for below in value))
    return set()


# The schema has them not; our table takes them for a part of the format all the same.
NOT_THERE = {
    *("compression", "output", "os-release.id-like", "accounts.users[].mode"),
    *("contents.builds[].accounts.users[].mode",),
}


def test_the_forms_have_every_key_of_the_public_format() -> None:
    used = set().union(*(_used(yaml.safe_load(form.text)) for form in FORMS))
    # What stands in a stage's contents and paths is of the same shapes as in the image's.
    twice = {
        key.replace(inner, outer)
        for key in used
        for inner, outer in (
            ("contents.", "contents.builds[].contents."),
            ("paths[]", "contents.builds[].paths[]"),
        )
        if key.startswith(inner)
    }
    assert _public_keys(FORMAT) - used - twice - NOT_THERE == set()


def test_there_are_fifty_forms_and_most_are_read() -> None:
    assert len(BY_NAME) == len(FORMS) == 50
    assert sum(not form.refused for form in FORMS) == 38


def test_files_of_the_forms_are_as_many_as_wanted(tmp_path: Path) -> None:
    paths = write(tmp_path, 120)
    assert len(set(paths)) == 120
    assert all(path.is_file() for path in paths)


def the_stage(name: str, folder: Path) -> BuildStage:
    return load(written(folder, BY_NAME[name])).builds[0]


def test_a_stage_is_what_its_keys_say(tmp_path: Path) -> None:
    stage = the_stage("built", tmp_path)
    assert [package.name for package in stage.packages[:2]] == ["base-files", "bash"]
    unpack, build = stage.steps
    assert unpack.work_dir == "/src/app"
    # What is the shell's stays, what is the definition's is replaced.
    assert "s/@VERSION@/1.7.3/g; s/@HOME@/${HOME:-/root}/" in unpack.runs
    assert "DESTDIR='/target'" in build.runs
    assert 'echo "1.7.3 0f1e2d3c4b5a69788796a5b4c3d2e1f001020304"' in build.runs
    assert build.environment == {"CFLAGS": "-O2 -g0"}
    assert [(out.source, out.target, out.mode) for out in stage.outputs] == [
        ("/target/opt/app", "/opt/app", None),
        ("/target/opt/app/bin/serve", "/usr/local/bin/serve", 0o755),
    ]


def test_a_stage_hands_its_settings_to_its_steps(tmp_path: Path) -> None:
    stage = the_stage("cached", tmp_path)
    assert stage.caches == ("/go/pkg/mod", "/root/.cache")
    assert stage.steps[1].shell == ("/bin/bash", "-e")
    assert stage.steps[1].environment == {"GOFLAGS": "-mod=vendor", "CFLAGS": "-O2 -g0"}
    people = the_stage("peopled", tmp_path / "other")
    assert (people.steps[0].user, people.steps[0].shell) == ("builder", ("/bin/sh",))
    assert people.accounts is not None
    assert people.accounts.users[0].uid == 1000


def test_an_action_is_commands_that_anyone_would_write(tmp_path: Path) -> None:
    assert the_stage("acting", tmp_path).steps[0].runs == (
        'CGO_ENABLED=1 go build -trimpath -buildvcs=false -ldflags "-buildid= -s -w '
        "-X example.com/app/build.Version=1.7.3 -X example.com/app/build.Date="
        "$(date -u -d @${SOURCE_DATE_EPOCH} +'%FT%TZ')\" -tags netgo,osusergo "
        "-o /target/usr/local/bin/app .\n"
    )


def test_a_stage_that_depends_on_the_platform_is_one_for_each(tmp_path: Path) -> None:
    stages = load(written(tmp_path, BY_NAME["arch-stage"])).builds
    assert [str(stage.platforms[0]) for stage in stages] == ["linux/amd64", "linux/arm64"]
    assert 'test "x64" = aarch64' in stages[0].steps[0].runs


def test_what_is_not_meant_for_a_platform_is_not_there(tmp_path: Path) -> None:
    definition = load(written(tmp_path, BY_NAME["if-all"]))
    assert [str(file.platforms[0]) for file in definition.files] == ["linux/arm64"]
    assert definition.artifacts == ()
    first, second = definition.builds
    assert [step.name for step in first.steps] == ["only here", "everywhere"]
    assert [step.name for step in second.steps] == ["everywhere"]
    assert (len(first.files), len(second.files)) == (1, 0)
    assert (len(first.artifacts), first.paths, len(first.outputs)) == (1, (), 1)


def test_an_artifact_is_an_image_by_its_digest(tmp_path: Path) -> None:
    (artifact,) = load(written(tmp_path, BY_NAME["taken"])).artifacts
    assert artifact.reference == "registry.example/pkg-node:24.18.0-debian13"
    assert artifact.digest == DIGEST
    assert artifact.excludes == ("opt/nodejs/include", "**/*.md")
    assert (artifact.uid, artifact.gid) == (0, 0)


def test_a_folder_beside_the_definition_is_copied_with_all_below_it(tmp_path: Path) -> None:
    edits = load(written(tmp_path, BY_NAME["folder"])).paths
    assert [(edit.path, edit.kind, edit.mode) for edit in edits[:4]] == [
        ("/src/patch", PathKind.DIRECTORY, None),
        ("/src/patch/deps", PathKind.DIRECTORY, 0o755),
        ("/src/patch/deps/run", PathKind.FILE, 0o755),
        ("/src/patch/first.patch", PathKind.FILE, 0o644),
    ]


def test_what_is_followed_elsewhere_keeps_its_value_and_that_is_said(tmp_path: Path) -> None:
    found = read(written(tmp_path, BY_NAME["tracked"]))
    assert [track.variable for track in found.definition.tracks] == ["NODE"]
    assert sum("is not followed: what 'vars' says holds" in w.message for w in found.warnings) == 6


def test_a_text_of_words_alone_is_run_without_a_shell(tmp_path: Path) -> None:
    first, second, third = load(written(tmp_path, BY_NAME["tested"])).tests
    assert first.commands == (("serve", "--version"),)
    assert (second.name, second.exit_code) == ("test 2", 2)
    assert third.directory == "/opt/app"


def test_a_part_of_a_package_is_asked_for_by_a_map(tmp_path: Path) -> None:
    text = BY_NAME["empty"].text.replace(
        "contents: {}", "contents: {packages: [{name: tzdata=2025b, except: [/usr/share/a/*]}]}"
    )
    (package,) = load(written(tmp_path, Form("part", text))).packages
    assert (package.name, package.version) == ("tzdata", "2025b")
    assert package.part == Slice(without=("usr/share/a/*",))


def test_what_was_not_there_before_leaves_old_digests_alone(tmp_path: Path) -> None:
    (tmp_path / "start.sh").write_text("echo\n")
    text = (
        "image: web\ntags: ['1']\naccounts: {run-as: a, users: [{name: a, uid: 1, gid: 0}]}\n"
        "os-release: {id: debian, version-id: '13'}\nvars: {V: '2'}\n"
        "contents: {packages: [curl=1, '!perl'], files: [{url: 'file:start.sh', path: /s}]}\n"
        "paths: [{type: file, path: /start, source: start.sh, mode: '0755'}]\n"
        "tests: [{name: a, commands: [[x]]}]\nhealthcheck: {command: [x]}\nlabels: {v: '${V}'}\n"
    )
    path = tmp_path / "web.yaml"
    path.write_text(text)
    definition = load(path)
    assert isinstance(definition, ImageDefinition)
    assert isinstance(definition.files[0], FileRequest)
    assert definition.digest == (
        "sha256:18f4b3981533cdd32c343dce7f7f35c83ff0e44f70bb532712dee93715a6bacf"
    )

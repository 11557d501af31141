"""Build stages: only their outputs reach the image, no link leads out, twice gives the same."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from tests.fakes.deb import make_deb, program
from tests.fakes.definition import AMD64, definition, lock, locked, place
from tests.fakes.elsewhere import NOTHING_ELSEWHERE
from tests.unit.build.test_image import layer_names, packages

from ironhull.build.built import BuiltImage
from ironhull.build.compression import Compression
from ironhull.build.elsewhere import StageCommand, StageOutcome
from ironhull.build.image import build_image
from ironhull.build.origins import Origin, OriginKind, read_origins
from ironhull.build.request import BuildOptions
from ironhull.definition.model import BuildStage, BuildStep, ImageDefinition, StageOutput
from ironhull.errors import CheckFailedError, DefinitionError, LockError
from ironhull.lock.model import Lock, LockedPlatform
from ironhull.progress import Silent
from ironhull.store.home import Home


@dataclass
class Steps:
    """A StageRunner whose commands are functions of this file, by the text of the step."""

    work: dict[str, Callable[[StageCommand], object]]
    ran: list[StageCommand] = field(default_factory=list)

    def run(self, command: StageCommand) -> StageOutcome:
        self.ran.append(command)
        said = self.work[command.argv[-1]](command)
        return said if isinstance(said, StageOutcome) else StageOutcome(0, "")


def writes(path: str, content: str, mode: int = 0o644) -> Callable[[StageCommand], None]:
    def call(command: StageCommand) -> None:
        target = command.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(content)
        target.chmod(mode)

    return call


def stage(
    *outputs: StageOutput, name: str = "web", steps: tuple[str, ...] = ("make",)
) -> BuildStage:
    made = tuple(BuildStep(step, place(), step, "/src", (), {}) for step in steps)
    return BuildStage(name, place(), None, (), (), (), (), None, (), made, outputs)


def output(source: str, target: str = "", **more) -> StageOutput:
    return StageOutput(source, target or source, place(), **more)


def staged(home: Home, *names: str) -> Lock:
    """A lock of an image with one package, and of stages with a shell."""
    shell = make_deb("bash", "1.0-1", files={"usr/bin/bash": program("bash")})
    tools = LockedPlatform((locked(home, "bash", shell),))
    made = lock(packages(home, "app"))
    platform = replace(made.platforms[str(AMD64)], stages=dict.fromkeys(names, tools))
    return replace(made, platforms={str(AMD64): platform})


def built(home: Home, of: ImageDefinition, steps: Steps, *, twice: bool = False) -> BuiltImage:
    options = BuildOptions(Compression.parse("zstd:3"), (AMD64,), twice=twice)
    elsewhere = replace(NOTHING_ELSEWHERE, stages=steps)
    by = staged(home, *(one.name for one in of.builds))
    return build_image(of, by, home, elsewhere, options, Silent())


def test_only_outputs_reach_the_image_and_the_bill_knows_whose_they_are(tmp_path):
    home = Home(tmp_path)
    steps = Steps({"make": writes("target/bin/web", "web", 0o755), "clean": writes("src/x", "x")})
    made = stage(output("/target/bin", "/opt/bin"), steps=("make", "clean"))
    image = built(home, definition(builds=(made,)), steps)
    names = layer_names(home, image, 1)
    assert {name for name in names if names[name]} == {"opt/bin/web"}
    origins = read_origins(home, image.platforms[0].digest)
    assert origins.paths["opt/bin/web"] == Origin(OriginKind.BUILT, "web")
    (said,) = origins.stages
    assert said.name == "web"
    assert [name for name, _ in said.steps] == ["make", "clean"]
    # The compiler's packages are no part of the image.
    assert [package.name for package in image.platforms[0].packages] == ["app"]


def test_a_step_has_a_shell_a_folder_and_a_time_and_nothing_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    home, steps = Home(tmp_path), Steps({"make": writes("target/web", "web")})
    built(home, definition(builds=(stage(output("/target/web")),)), steps)
    (command,) = steps.ran
    assert command.argv == ("/bin/bash", "-c", "make")
    assert command.work_dir == "/src"
    assert command.environment["SOURCE_DATE_EPOCH"] == "1795313345"
    assert "SECRET" not in command.environment
    # The folder is gone afterwards.
    assert not command.root.exists()


def test_what_was_built_once_is_not_built_again(tmp_path):
    home, steps = Home(tmp_path), Steps({"make": writes("target/web", "web")})
    of = definition(builds=(stage(output("/target/web")),))
    first = built(home, of, steps)
    second = built(home, replace(of, labels={"a": "b"}), steps)
    assert len(steps.ran) == 1
    assert layer_names(home, first, 1) == layer_names(home, second, 1)


def test_a_stage_of_another_distribution_is_another_stage(tmp_path):
    """What a step reads is in the key: else one definition would get another one's outputs."""

    def told(command: StageCommand) -> None:
        writes("target/web", (command.root / "etc/os-release").read_text())(command)

    home, steps = Home(tmp_path), Steps({"make": told})
    one = definition(builds=(stage(output("/target/web")),))
    another = {**one.os_release, "PRETTY_NAME": "Another"}
    other = definition(builds=one.builds, os_release=another)
    texts = [layer_names(home, built(home, of, steps), 1)["target/web"] for of in (one, other)]
    assert [b"Another" in text for text in texts] == [False, True]


def test_later_stages_have_the_outputs_of_earlier_ones(tmp_path):
    def copied(command: StageCommand) -> None:
        writes("target/b", (command.root / "opt/a").read_text() + "b")(command)

    home = Home(tmp_path)
    steps = Steps({"first": writes("target/a", "a"), "second": copied})
    stages = (
        stage(output("/target/a", "/opt/a"), name="first", steps=("first",)),
        stage(output("/target/b", "/opt/b"), name="second", steps=("second",)),
    )
    image = built(home, definition(builds=stages), steps)
    assert layer_names(home, image, 2)["opt/b"] == b"ab"


def test_of_a_changed_tree_only_the_changes_reach_the_image(tmp_path):
    home = Home(tmp_path)
    steps = Steps({"make": writes("usr/bin/bash", "another")})
    made = stage(output("/", "/", diff=True))
    image = built(home, definition(builds=(made,)), steps)
    names = layer_names(home, image, 1)
    assert {name: data for name, data in names.items() if data} == {"usr/bin/bash": b"another"}


def test_a_stage_that_gives_other_bytes_the_second_time_is_refused(tmp_path):
    def tells(command: StageCommand) -> None:
        writes("target/web", command.environment["TZ"])(command)

    home = Home(tmp_path)
    of = definition(builds=(stage(output("/target/web")),))
    steady = Steps({"make": writes("target/web", "web")})
    built(home, of, steady, twice=True)
    assert len(steady.ran) == 2
    first, second = (dict(command.environment) for command in steady.ran)
    assert {key for key in first if first[key] != second[key]} == {"TZ", "MAKEFLAGS"}
    assert steady.ran[0].root != steady.ran[1].root
    other = replace(of, builds=(stage(output("/target/web"), name="other"),))
    with pytest.raises(CheckFailedError, match=r"'other' gives other bytes .*: /target/web"):
        built(home, other, Steps({"make": tells}), twice=True)
    assert home.store.descriptors()


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("/etc/hostname", "output /target/web is not there"),
        ("../../../../etc/hostname", "output /target/web is not there"),
        ("web", "output /target/web is not there"),
    ],
)
def test_an_output_that_is_a_link_is_followed_inside_the_stage_only(tmp_path, link, message):
    def links(command: StageCommand) -> None:
        (command.root / "target/web").symlink_to(link)

    home = Home(tmp_path)
    with pytest.raises(DefinitionError, match=message):
        built(home, definition(builds=(stage(output("/target/web")),)), Steps({"make": links}))
    assert not home.store.descriptors()


def test_a_folder_that_became_a_link_to_the_host_gives_nothing_of_the_host(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")

    def links(command: StageCommand) -> None:
        (command.root / "target").rmdir()
        (command.root / "target").symlink_to(outside)

    home = Home(tmp_path / "home")
    with pytest.raises(DefinitionError, match="output /target/secret is not there"):
        built(home, definition(builds=(stage(output("/target/secret")),)), Steps({"make": links}))


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_outputs_that_no_image_may_get_are_refused(tmp_path, kind):
    def makes(command: StageCommand) -> None:
        if kind == "pipe":
            os.mkfifo(command.root / "target/x")
        else:
            (command.root / "target/x").symlink_to("../../../x")

    home = Home(tmp_path)
    with pytest.raises(DefinitionError, match=r"1\.yaml:7:3: stage 'web': output 'opt/x'"):
        built(home, definition(builds=(stage(output("/target", "/opt")),)), Steps({"make": makes}))


def test_a_step_that_fails_is_said_with_its_last_words_and_publishes_nothing(tmp_path):
    def fails(command: StageCommand) -> StageOutcome:
        return StageOutcome(2, "first\nmake: no rule\n")

    home = Home(tmp_path)
    with pytest.raises(DefinitionError) as caught:
        built(home, definition(builds=(stage(output("/target/x")),)), Steps({"make": fails}))
    assert "1.yaml:7:3: stage 'web', step 'make' ended with 2:" in str(caught.value)
    assert "make: no rule" in str(caught.value)
    assert not home.store.descriptors()


def test_a_step_that_was_stopped_for_what_it_wrote_says_so(tmp_path):
    def fills(command: StageCommand) -> StageOutcome:
        return StageOutcome(137, "writing\n", filled="it has more than 9 files")

    home = Home(tmp_path)
    told = "stage 'web', step 'make' was stopped, it has more than 9 files:\n  writing"
    with pytest.raises(DefinitionError, match=told):
        built(home, definition(builds=(stage(output("/target/x")),)), Steps({"make": fills}))
    assert not home.store.descriptors()


def test_a_stage_that_the_lock_does_not_know_is_said(tmp_path):
    home = Home(tmp_path)
    of = definition(builds=(stage(output("/target/x")),))
    options = BuildOptions(Compression.parse("zstd:3"), (AMD64,))
    with pytest.raises(LockError, match="no packages of the stage 'web'"):
        build_image(of, lock(packages(home, "app")), home, NOTHING_ELSEWHERE, options, Silent())

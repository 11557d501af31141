from tests.unit.patched.given import definition, stanza

from ironhull.definition.model import Place
from ironhull.patched.recipe import changelog_entry, recipe

CREATED = "2026-11-22T02:09:05Z"


def test_the_changelog_says_which_patch_fixes_what():
    assert changelog_entry(definition(), CREATED) == (
        "jbigkit (2.1-6.1+ih1) trixie; urgency=medium\n\n"
        "  * limit.patch: a limit (CVE-2017-9937)\n\n"
        " -- Ironhull <packages@ironhull.invalid>  Sun, 22 Nov 2026 02:09:05 +0000\n\n"
    )


def test_a_patch_that_does_not_apply_is_an_error_at_its_line():
    (stage,) = recipe(definition(), stanza(), CREATED).builds
    steps = {step.name: step for step in stage.steps}
    assert list(steps) == ["unpack", "patch limit.patch", "announce", "build", "collect"]
    assert steps["patch limit.patch"].place == Place("jbigkit.yaml", 9, 5)
    assert "--fuzz=0" in steps["patch limit.patch"].runs
    assert "XB-Ironhull-Fixes: CVE-2017-9937" in steps["announce"].runs
    assert "\\nXB-Ironhull-Patches: limit.patch sha256:" in steps["announce"].runs
    assert "nocheck" in steps["build"].runs


def test_packages_are_compressed_by_one_thread_since_with_zstd_their_number_shows() -> None:
    (stage,) = recipe(definition(), stanza(), CREATED).builds
    (build,) = (step for step in stage.steps if step.name == "build")
    assert "export DPKG_DEB_THREADS_MAX=1\n" in build.runs


def test_the_source_is_taken_by_digest_and_dpkg_has_its_database():
    (stage,) = recipe(definition(), stanza(), CREATED).builds
    assert stage.complete
    wanted = {file.sha256: f"/src/{file.file_name}" for file in stanza().files}
    assert {file.checksum: file.path for file in stage.files} == wanted

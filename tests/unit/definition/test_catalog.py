"""The catalog: finding a definition by name, and what two definitions may not both say."""

from pathlib import Path

import pytest

from ironhull.definition.catalog import Catalog
from ironhull.definition.reader import load
from ironhull.errors import DefinitionError, NotFoundError

ROOT = Path(__file__).parents[3]

TEXT = """\
image: {image}
variant: {variant}
tags: [{tags}]
accounts: {{run-as: root, root: true}}
os-release: {{id: debian, version-id: "{version}"}}
track: [{{type: debian_package, package: pkg:deb/debian/x1, set: V}}]
"""


def add(
    root: Path, image: str, version: str, stem: str, tags: str, variant: str = "runtime"
) -> Path:
    path = root / image / f"debian-{version}" / f"{stem}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT.format(image=image, variant=variant, tags=tags, version=version))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    add(root, "node", "13", "20", '"20", "20-debian13", "${V}", "${V}-debian13"')
    add(root, "node", "13", "20-dev", "20-dev, 20-debian13-dev, '${V}-dev'", "dev")
    add(root, "node", "12", "20", "20-debian12")
    add(root, "node", "12", "18", '"18", 18-debian12')
    add(root, "python", "13", "3.13", '"3.13"')
    add(root, "team/app", "13", "1", '"1"')
    (root / "_shared").mkdir()
    (root / "_shared" / "x.yaml").write_text("name: x\n")
    return root


def found(root: Path, name: str) -> str:
    return str(Catalog(root).find(name).relative_to(root))


def test_a_tag_is_found_by_its_file_on_the_newest_distribution(root: Path) -> None:
    assert found(root, "node:20") == "node/debian-13/20.yaml"
    assert found(root, "node:20-dev") == "node/debian-13/20-dev.yaml"
    assert found(root, "node:18") == "node/debian-12/18.yaml"
    assert found(root, "team/app:1") == "team/app/debian-13/1.yaml"


def test_a_tag_with_a_distribution_is_found_there(root: Path) -> None:
    assert found(root, "node:20-debian12") == "node/debian-12/20.yaml"
    assert found(root, "node:20-debian13-dev") == "node/debian-13/20-dev.yaml"


def test_finding_by_file_name_parses_nothing(root: Path) -> None:
    for path in root.rglob("*.yaml"):
        path.write_text("not: [a definition")
    assert found(root, "node:20") == "node/debian-13/20.yaml"


def test_debian_9_is_not_newer_than_debian_13(root: Path) -> None:
    add(root, "node", "9", "20", "20-debian9")
    assert found(root, "node:20") == "node/debian-13/20.yaml"


def test_a_tag_of_a_tracked_version_is_found_with_the_values_of_the_locks(root: Path) -> None:
    catalog = Catalog(root, lambda path: {"V": "20.19.2"} if path.stem == "20" else {})
    assert catalog.find("node:20.19.2").name == "20.yaml"
    assert catalog.find("node:20.19.2-debian13").name == "20.yaml"
    with pytest.raises(NotFoundError, match=r"no image node:20\.19\.2; .*when an image is locked"):
        Catalog(root).find("node:20.19.2")


def test_a_name_alone_is_the_only_plain_runtime_of_the_newest_distribution(root: Path) -> None:
    assert found(root, "python") == "python/debian-13/3.13.yaml"
    assert found(root, "node") == "node/debian-13/20.yaml"
    add(root, "node", "13", "22", '"22"')
    with pytest.raises(NotFoundError, match="'node' is several images; name one: node:20, "):
        found(root, "node")
    add(root, "node", "13", "24", '"24", latest')
    assert found(root, "node") == "node/debian-13/24.yaml"


def test_what_is_unknown_gets_a_suggestion(root: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no image 'nod' .*did you mean 'node'"):
        found(root, "nod:20")
    with pytest.raises(NotFoundError, match=r"no image 'xyz' .*it has: node, python, team/app"):
        found(root, "xyz:1")
    with pytest.raises(NotFoundError, match="no image node:20-dve; did you mean node:20-dev"):
        found(root, "node:20-dve")
    with pytest.raises(NotFoundError, match="no image node:zzz; there are: node:20, node:20-dev"):
        found(root, "node:zzz")
    (root / "empty" / "debian-13").mkdir(parents=True)
    with pytest.raises(NotFoundError, match=r"no definition \(<tag>\.yaml\) in .*empty$"):
        found(root, "empty:1")
    with pytest.raises(NotFoundError, match="is not a tag"):
        found(root, "node:")
    with pytest.raises(NotFoundError, match=r"no catalog at .*set IRONHULL_CATALOG"):
        found(root / "none", "node:20")


@pytest.mark.parametrize("name", ["../node", "..", "/etc", "", "_shared", "NODE", "node/../node"])
def test_a_name_does_not_lead_out_of_the_catalog(name: str, root: Path) -> None:
    assert Catalog(root / "node").entries(name) == ()
    with pytest.raises(NotFoundError):
        Catalog(root).find(f"{name}:20")


def test_a_path_is_taken_as_it_is(root: Path) -> None:
    path = root / "node" / "debian-13" / "20.yaml"
    assert Catalog(root / "elsewhere").find(str(path)) == path
    with pytest.raises(NotFoundError, match="no definition file"):
        Catalog(root).find("no/such.yaml")


def test_a_broken_neighbour_does_not_hide_what_was_asked_for(root: Path) -> None:
    (root / "node" / "debian-13" / "20-dev.yaml").write_text("broken")
    catalog = Catalog(root, lambda path: {"V": "20.19.2"})
    assert catalog.find("node:20.19.2").name == "20.yaml"


def test_two_definitions_that_claim_one_tag_are_an_error_that_names_both(root: Path) -> None:
    other = add(root, "node", "12", "20", '"20", 20-debian12')
    with pytest.raises(DefinitionError) as caught:
        Catalog(root).check()
    (problem,) = caught.value.problems
    first = root / "node" / "debian-13" / "20.yaml"
    assert problem.file == str(other)
    assert problem.message == f"claims the tag node:20, which {first} claims too"


def test_a_tag_claimed_twice_is_refused_when_it_is_looked_up(root: Path) -> None:
    add(root, "node", "13", "a", "a, same")
    add(root, "node", "13", "b", "b, same")
    with pytest.raises(DefinitionError, match=r"node:same is claimed by .*a\.yaml and .*b\.yaml"):
        Catalog(root).find("node:same")


def test_a_file_in_the_wrong_place_is_an_error(root: Path) -> None:
    path = root / "node" / "debian-13" / "21.yaml"
    path.write_text(TEXT.format(image="deno", variant="runtime", tags="x", version="12"))
    with pytest.raises(DefinitionError) as caught:
        Catalog(root).check()
    messages = sorted(problem.message for problem in caught.value.problems)
    assert messages == [
        "defines 'deno', but stands in the folder of 'node'",
        "does not have the tag of its file name, '21'",
        "is of debian-12, but stands in debian-13",
    ]


def test_problems_of_all_files_come_together(root: Path) -> None:
    for name in ("20", "20-dev"):
        (root / "node" / "debian-13" / f"{name}.yaml").write_text("image: node\nx: y\n")
    with pytest.raises(DefinitionError) as caught:
        Catalog(root).check()
    assert len({problem.file for problem in caught.value.problems}) == 2


def test_a_symlink_out_of_the_catalog_is_no_entry(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("image: node\n")
    (root / "node" / "debian-13" / "99.yaml").symlink_to(outside)
    assert "99" not in {entry.stem for entry in Catalog(root).entries("node")}


@pytest.fixture
def both(root: Path, tmp_path: Path) -> Catalog:
    """A company's folder before the one of all other tests."""
    own = tmp_path / "company"
    add(own, "node", "13", "20", '"20", 20-debian13, ours')
    add(own, "web", "13", "1", '"1"')
    return Catalog(own, more=(root,))


def test_what_a_folder_does_not_have_is_found_in_the_next(both: Catalog, root: Path) -> None:
    assert both.find("web:1") == both.root / "web/debian-13/1.yaml"
    assert both.find("python:3.13") == root / "python/debian-13/3.13.yaml"
    assert both.find("node:20-dev") == root / "node/debian-13/20-dev.yaml"
    assert both.images() == ("node", "python", "team/app", "web")
    names = [str(entry) for entry in both.entries("node")]
    assert names == ["node:20-debian13", "node:20-dev-debian13", "node:18-debian12",
                     "node:20-debian12"]  # fmt: skip


def test_a_definition_hides_the_one_of_its_path_in_a_later_folder(
    both: Catalog, root: Path
) -> None:
    own, other = (each / "node/debian-13/20.yaml" for each in (both.root, root))
    assert both.find("node:20") == both.find("node:20-debian13") == both.find("node:ours") == own
    assert both.hidden() == ((other, own),)
    assert other not in {entry.path for entry, _ in both.listed()}
    other.write_text("broken")
    assert len(both.check()) == len(both.all())
    assert Catalog(root, more=(both.root,)).hidden() == ((own, other),)
    assert Catalog(root).hidden() == Catalog(root, more=(root,)).hidden() == ()


def test_a_tag_that_the_first_folder_lists_is_its_own_whatever_a_later_one_is_called(
    both: Catalog, root: Path
) -> None:
    own = add(both.root, "node", "12", "lts", "lts, '18'")
    assert both.find("node:18") == own
    assert both.find("node:18-debian12") == root / "node/debian-12/18.yaml"
    with pytest.raises(DefinitionError) as caught:
        both.check()
    (problem,) = caught.value.problems
    named = {problem.file, problem.message.split()[-3]}
    assert named == {str(own), str(root / "node/debian-12/18.yaml")}
    assert "claims the tag node:18, which" in problem.message


def test_a_name_alone_is_of_the_first_folder_that_has_a_plain_image_of_it(
    both: Catalog, root: Path
) -> None:
    assert both.find("node") == both.root / "node/debian-13/20.yaml"
    add(both.root, "python", "13", "3.13-dev", "3.13-dev", "dev")
    assert both.find("python") == root / "python/debian-13/3.13.yaml"
    add(both.root, "node", "13", "22", '"22"')
    with pytest.raises(NotFoundError, match="'node' is several images"):
        both.find("node")


@pytest.mark.parametrize("missing", ["first", "second"])
def test_of_several_folders_none_may_be_missing(missing: str, root: Path, tmp_path: Path) -> None:
    # A typing error in the name of one's own folder must not bring another's image.
    gone = tmp_path / "gone"
    catalog = Catalog(gone, more=(root,)) if missing == "first" else Catalog(root, more=(gone,))
    for ask in (lambda: catalog.find("node:20"), catalog.images, catalog.check):
        with pytest.raises(NotFoundError, match=r"no catalog at .*gone, one of several folders"):
            ask()
    path = root / "node/debian-13/20.yaml"
    assert catalog.find(str(path)) == path


def test_a_definition_includes_nothing_of_another_folder_of_the_catalog(
    both: Catalog, root: Path
) -> None:
    (both.root / "_shared").mkdir()
    (both.root / "_shared/x.yaml").write_text("name: x\n")
    for folder, other in ((both.root, root), (root, both.root)):
        path = add(folder, "more", "13", "1", '"1"')
        text = path.read_text()
        path.write_text(f"{text}includes: [../../_shared/x.yaml]\n")
        assert both.load(path).definition.name == "x"
        path.write_text(f"{text}includes: [../../../{other.name}/_shared/x.yaml]\n")
        with pytest.raises(DefinitionError, match=f"leads out of {folder}, the folder of the"):
            both.load(path)
        path.unlink()


def test_a_link_into_another_folder_of_the_catalog_is_no_entry(both: Catalog, root: Path) -> None:
    (both.root / "node/debian-13/18.yaml").symlink_to(root / "node/debian-12/18.yaml")
    assert both.find("node:18") == root / "node/debian-12/18.yaml"


def test_a_folder_within_another_one_bounds_what_lies_in_it(root: Path) -> None:
    catalog = Catalog(root, more=(root / "team",))
    assert catalog.root_of(root / "team/app/debian-13/1.yaml") == root / "team"
    assert catalog.root_of(root / "node/debian-13/20.yaml") == root
    assert catalog.root_of(root.parent / "x.yaml") is None


def test_what_no_folder_has_is_said_of_all_of_them(both: Catalog, root: Path) -> None:
    with pytest.raises(NotFoundError, match=f"'xyz' in {both.root} and {root} .it has: node, "):
        both.find("xyz:1")
    with pytest.raises(NotFoundError, match="no image node:zzz; there are: node:20, node:20-dev"):
        both.find("node:zzz")


# bash is one; in rabbitmq a program has the name of one, and answers one question.
WITH_A_SHELL = frozenset({"bash", "rabbitmq"})

# What the makers say: first release, end of life ("" where they name none, or not by date).
MAKERS = {
    "golang:1.24-dev": ("2025-02-11", "2026-02-10"),
    "haproxy:3.0": ("2024-05-29", "2029-06-30"),
    "httpd:2.4": ("2012-02-21", ""),
    "mariadb:11.8": ("2025-06-04", "2028-06-04"),
    "nginx:1.26": ("2024-04-23", "2025-04-23"),
    "node:18": ("2022-04-19", "2025-04-30"),
    "node:20": ("2023-04-18", "2026-04-30"),
    "openjdk:21": ("2023-09-19", "2029-12-31"),
    "openjdk:25": ("2025-09-16", "2031-09-30"),
    "php:8.4": ("2024-11-21", "2028-12-31"),
    "postgres:17": ("2024-09-26", "2029-11-08"),
    "perl:5.40": ("2024-06-09", "2027-06-09"),
    "python:3.11": ("2022-10-24", "2027-10-31"),
    "python:3.13": ("2024-10-07", "2029-10-31"),
    "rabbitmq:4.0": ("2024-09-18", "2025-04-15"),
    "redis:8.0": ("2025-05-02", "2026-02-11"),
    "ruby:3.3": ("2023-12-25", "2027-03-31"),
    "valkey:8.1": ("2025-03-31", "2030-03-31"),
}


def test_our_own_catalog_has_what_was_promised_and_no_problem() -> None:
    definitions = {
        f"{definition.image}:{definition.file.stem}": definition
        for definition in Catalog(ROOT / "images").check()
    }
    promised = {
        *("static:13", "static:13-dev", "debian-base:13", "debian-base:13-dev"),
        *("node:20", "node:20-dev", "node:20-debug", "node:20-compat", "node:20-standard"),
        *("node:18", "node:18-dev", "python:3.13", "python:3.13-dev"),
        *("python:3.11", "python:3.11-dev", "nginx:1.26", "nginx:1.26-dev"),
        *("static:13-glibc", "cc:13", "bash:5.2", "openjdk:21", "openjdk:25", "golang:1.24-dev"),
        *("redis:8.0", "valkey:8.1", "memcached:1.6", "postgres:17", "mariadb:11.8"),
        *("haproxy:3.0", "httpd:2.4", "caddy:2.6", "rabbitmq:4.0", "php:8.4", "php:8.4-fpm"),
        *("ruby:3.3", "perl:5.40", "lua:5.4", "curl:8.14", "git:2.47", "openssh-client:10.0"),
        "toolbox:13",
    }
    assert promised <= definitions.keys()
    for name, definition in definitions.items():
        assert [str(platform) for platform in definition.platforms] == [
            "linux/amd64",
            "linux/arm64",
        ], name
        assert definition.dates["end-of-life"] > "2027"
        assert "latest" not in definition.tags
        assert definition.tests, name


def test_our_own_runtime_images_are_not_root_and_keep_nothing() -> None:
    for definition in Catalog(ROOT / "images").check():
        if definition.variant == "runtime":
            # The toolbox looks at what belongs to others; nothing is built on it.
            assert (definition.accounts.run_as == "root") == (definition.image == "toolbox")
            assert not definition.keep.setuid
            assert definition.keep.compiler == (definition.image == "toolbox")
            assert definition.keep.package_database == "status.d"
            flavored = definition.flavor in ("debug", "compat")
            assert definition.keep.shell == (flavored or definition.image in WITH_A_SHELL)
        else:
            # apt does not work on a system with dependencies that are not met.
            assert not [p.name for p in definition.packages if p.excluded], definition.file
            assert definition.keep.package_database == "dpkg"


def test_our_own_definitions_have_the_dates_of_the_makers_and_of_the_distribution() -> None:
    ends = {"12": ("2028-06-30", "2028-06-30"), "13": ("2028-08-09", "2030-06-30")}
    found = {}
    for definition in Catalog(ROOT / "images").check():
        dates, version = definition.dates, definition.os_release["VERSION_ID"]
        assert (dates["end-of-support"], dates["end-of-life"]) == ends[version]
        name = f"{definition.image}:{definition.file.stem}"
        found[name] = (dates["release"], dates.get("upstream-end-of-life", ""))
        known = MAKERS.get(name) or MAKERS.get(name.partition("-")[0])
        assert known is None or found[name] == known, name
    assert found.keys() >= MAKERS.keys()


def test_conventional_counterparts_are_of_images_of_the_catalog_and_leave_nothing_out() -> None:
    ours = {f"{one.image}:{one.file.stem}": one for one in Catalog(ROOT / "images").check()}
    counterparts = Catalog(ROOT / "benchmarks/counterparts").check()
    assert len(counterparts) == 9
    for one in counterparts:
        hardened = ours[f"{one.image}:{one.file.stem.removesuffix('-standard')}"]
        assert one.dates == hardened.dates
        followed = [
            [(track.package, track.match, track.variable) for track in each.tracks]
            for each in (one, hardened)
        ]
        assert followed[0] == followed[1]
        assert [str(each) for each in one.platforms] == [str(each) for each in hardened.platforms]
        assert not [each.name for each in one.packages if each.excluded], one.file
        assert one.accounts.run_as == "root"


def test_our_own_definitions_name_no_mirror() -> None:
    for definition in Catalog(ROOT / "images").check():
        assert definition.repositories == ()
        assert definition.files == ()


def test_our_own_catalog_reads_without_its_shared_files_being_entries() -> None:
    names = Catalog(ROOT / "images").images()
    assert not [name for name in names if "_shared" in name]
    assert load(Catalog(ROOT / "images").find("node:20")).accounts.run_as == "node"

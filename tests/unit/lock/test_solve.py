"""The search against the whole truth: every subset of small archives, tried one by one."""

from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.archive import FakeArchive, fake_archive, fake_definition

from ironhull.debian.package import BinaryPackage
from ironhull.errors import ResolveError
from ironhull.lock.pool import Pool
from ironhull.lock.resolve import resolve
from ironhull.oci.platform import Platform

AMD64 = Platform.parse("linux/amd64")
NAMES = ("aa", "bb", "cc", "dd", "ee")
VIRTUAL = ("va", "vb")


@st.composite
def archives(draw: st.DrawFn) -> str:
    """Up to eight packages of five names in two versions, with relations of every kind."""

    def relation() -> str:
        name = draw(st.sampled_from(NAMES + VIRTUAL))
        return name + draw(st.sampled_from(["", "", "", " (= 1)", " (>= 2)", " (<< 2)"]))

    def field(name: str, most: int, alternatives: int) -> list[str]:
        clauses = [
            " | ".join(relation() for _ in range(draw(st.integers(1, alternatives))))
            for _ in range(draw(st.integers(0, most)))
        ]
        return [f"  {name}: {', '.join(clauses)}"] if clauses else []

    lines = []
    keys = draw(st.sets(st.sampled_from([(n, v) for n in NAMES for v in "12"]), max_size=8))
    for name, version in sorted(keys):
        lines.append(f"{name} {version}")
        lines += field("Depends", 3, 3)
        lines += field("Conflicts", 1, 1)
        lines += field("Breaks", 1, 1)
        provided = draw(st.lists(st.sampled_from([*VIRTUAL, "va (= 1)", "vb (= 2)"]), max_size=1))
        lines += [f"  Provides: {provided[0]}"] if provided else []
    return "\n".join(lines)


def holds(chosen: list[BinaryPackage], pool: Pool, requests: tuple[str, ...]) -> bool:
    """Whether a set of packages is consistent and answers the requests: the definition itself."""
    names = {package.name for package in chosen}
    if not set(requests) <= names:
        return False
    for package in chosen:
        needs = pool.needs(package)
        for _, clause in needs.hard:
            if not any(pool.matches(r, p) for r in clause.alternatives for p in chosen):
                return False
        for refusal in needs.refuses:
            if any(p is not package and pool.matches(refusal.relation, p) for p in chosen):
                return False
    return True


def solvable(archive: FakeArchive, requests: tuple[str, ...]) -> bool:
    pool = Pool(archive, ())
    for size in range(len(requests), len(NAMES) + 1):
        for names in combinations(NAMES, size):
            for chosen in product(*(archive.versions(name) for name in names)):
                if holds(list(chosen), pool, requests):
                    return True
    return False


@settings(max_examples=250, deadline=None)
@given(archives(), st.sets(st.sampled_from(NAMES), min_size=1, max_size=2))
def test_there_is_an_answer_exactly_when_there_is_one_and_it_is_right(
    text: str, wanted: set[str]
) -> None:
    requests = tuple(sorted(wanted))
    archive = fake_archive(text)
    try:
        result = resolve(fake_definition(*requests), AMD64, archive)
    except ResolveError:
        result = None
    assert (result is not None) == solvable(archive, requests)
    if result is None:
        return
    pool = Pool(archive, ())
    chosen = [
        next(p for p in archive.versions(locked.name) if p.version == locked.version)
        for locked in result.packages
    ]
    assert holds(chosen, pool, requests)
    assert result.broken == ()


@settings(max_examples=100, deadline=None)
@given(archives(), st.sets(st.sampled_from(NAMES), min_size=1, max_size=2))
def test_every_package_of_an_answer_can_be_traced_to_a_request(text: str, wanted: set[str]) -> None:
    try:
        result = resolve(fake_definition(*wanted), AMD64, fake_archive(text))
    except ResolveError:
        return
    reached = {
        package.name
        for package in result.packages
        if any(reason.by.startswith("20.yaml:") for reason in package.reasons)
    }
    for _ in result.packages:
        reached |= {
            package.name
            for package in result.packages
            if any(reason.by in reached for reason in package.reasons)
        }
    assert reached == {package.name for package in result.packages}


@settings(max_examples=100, deadline=None)
@given(archives(), st.permutations(NAMES))
def test_the_order_of_requests_and_of_the_archive_decides_nothing(
    text: str, requests: list[str]
) -> None:
    archive = fake_archive(text)
    there = [name for name in requests if archive.versions(name)][:3]
    other = FakeArchive(tuple(reversed(archive.packages)), archive.architecture, archive.releases)
    results = []
    for order, source in ((there, archive), (sorted(there), other)):
        try:
            locked = resolve(fake_definition(*order), AMD64, source)
            results.append([(package.name, package.version) for package in locked.packages])
        except ResolveError:
            results.append([])
    assert results[0] == results[1]

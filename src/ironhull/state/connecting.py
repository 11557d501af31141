"""A database for the state: SQLite in the home, PostgreSQL by its address; brought up to date.

SQLAlchemy and alembic are loaded with this module, so whoever needs no state does not import it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ironhull.errors import EnvironmentProblem, InputError
from ironhull.store.files import locked

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x69726F6E
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
_WAIT = 60


def sqlite_url(path: Path) -> str:
    """The address of a SQLite file."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_engine(address: str) -> Engine:
    """A database with all tables, by `sqlite:///FILE` or `postgresql://…`.

    InputError for any other address; EnvironmentProblem where it cannot be reached, is newer than
    this Ironhull, or lacks its driver.
    """
    url = _parsed(address)
    with problems(url):
        try:
            engine = _sqlite(url) if url.drivername == "sqlite" else _postgres(url)
        except ModuleNotFoundError as error:
            raise EnvironmentProblem(
                f"{_shown(url)}: the driver {error.name} is not installed (pip install "
                "'ironhull[postgres]')"
            ) from None
        try:
            _bring_up_to_date(engine, url)
        except BaseException:
            engine.dispose()
            raise
    return engine


@contextmanager
def problems(url: URL) -> Iterator[None]:
    """EnvironmentProblem for whatever the database complains about in the block."""
    try:
        yield
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise EnvironmentProblem(f"the state at {_shown(url)}: {said}") from None


def _parsed(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, NoSuchModuleError, ValueError):
        url = None
    if url is not None and url.drivername == "sqlite" and url.database:
        return url
    if url is not None and url.drivername in _POSTGRES:
        return url.set(drivername="postgresql+psycopg")
    raise InputError(
        "--state is not the address of a state (expected sqlite:////path/of/a/file or "
        "postgresql://user@host/database)"
    )


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _sqlite(url: URL) -> Engine:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(f"cannot make {path.parent}: {error.strerror}") from None
    engine = create_engine(url, connect_args={"timeout": _WAIT})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        # pysqlite begins transactions late; ours begin at once, so that none fails half-way.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgres(url: URL) -> Engine:
    return create_engine(
        url, pool_pre_ping=True, pool_recycle=300, connect_args={"connect_timeout": 10}
    )


def _bring_up_to_date(engine: Engine, url: URL) -> None:
    """One process at a time runs the migrations that the database lacks."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    try:
        if url.drivername == "sqlite":
            path = Path(url.database or "")
            with locked(path.with_name(f"{path.name}.lock")), engine.begin() as connection:
                _upgrade(config, connection)
        else:
            with engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                _upgrade(config, connection)
    except CommandError as error:
        raise EnvironmentProblem(
            f"the state at {_shown(url)} was made by a newer Ironhull ({error}): use that one"
        ) from None


def _upgrade(config: Config, connection: Connection) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

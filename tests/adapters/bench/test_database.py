"""The database of a bench: its own, and gone afterwards."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from adapters.bench.database import PREFIX, BenchServer, open_server, parts_of, with_database
from adapters.bench.environment import NotDurable
from adapters.bench.scene import Pace, Scene
from adapters.composition import open_turnlog
from adapters.postgres.connection import connect
from adapters.settings import Settings
from tests.adapters.bench.conftest import nobody_watches
from tests.adapters.cli.harness import Cli


def databases(server_url: str) -> set[str]:
    with psycopg.connect(server_url, autocommit=True) as server:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        return {name for (name,) in server.execute(query, [PREFIX]).fetchall()}


def name_in(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def test_it_is_migrated_and_dropped(scene: Scene, server_url: str) -> None:
    with scene.database() as database:
        assert name_in(database.url) in databases(server_url)
        with connect(database) as connection:
            assert connection.execute("SELECT position FROM log_head").fetchone() == (0,)
        left_open = connect(database)
    left_open.close()
    assert name_in(database.url) not in databases(server_url)


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
def test_it_is_dropped_however_the_bench_ends(
    end: type[BaseException], scene: Scene, server_url: str
) -> None:
    names = []

    def bench() -> None:
        with scene.database() as database:
            names.append(name_in(database.url))
            raise end

    with pytest.raises(end):
        bench()
    assert not databases(server_url) & set(names)


def test_what_a_killed_bench_left_is_dropped_by_the_next(scene: Scene, server_url: str) -> None:
    orphan = f"{PREFIX}0_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {orphan}")
    with scene.database() as first, scene.database() as second:
        found = databases(server_url)
        assert orphan not in found
        # One that is at work is no orphan, though nobody is connected to it just now.
        assert {name_in(first.url), name_in(second.url)} <= found


@pytest.mark.parametrize("name", ["results", "1_results", "1_0123abcd_kept", "0123abcd"])
def test_a_database_that_is_only_called_like_ours_stays(
    name: str, scene: Scene, server_url: str
) -> None:
    theirs = f"{PREFIX}{name}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {theirs}")
        try:
            with scene.database():
                assert theirs in databases(server_url)
        finally:
            server.execute(f"DROP DATABASE IF EXISTS {theirs}")


def test_the_database_past_a_pooler_is_left_alone(server_url: str, database_url: str) -> None:
    # Another spelling: to us what the first one names is behind a pooler.
    behind = SecretStr(f"{database_url}{'&' if '?' in database_url else '?'}keepalives_idle=31")
    settings = Settings(database_url=behind, direct_url=SecretStr(database_url))
    with open_server(settings, print) as server:
        scene = Scene(server, Pace(nobody_watches), durable=False)
        with scene.database() as database:
            assert database.url == with_database(database_url, name_in(database.url))
            with open_turnlog(scene.settings_for(database)) as turnlog:
                assert turnlog.database.url == turnlog.database.direct.url == database.url
                turnlog.service.create()
                turnlog.rebuild(lambda _: None)
                assert turnlog.rows.status().position == 1
    with psycopg.connect(database_url) as users:
        assert users.execute("SELECT position FROM turnlog.read_models").fetchone() == (0,)


@pytest.fixture
def forgetful_url(server_url: str) -> str:
    """A server that may lose commits: the embedded one of the tests may, one by URL does or not."""
    with psycopg.connect(server_url) as connection:
        if connection.execute("SHOW fsync").fetchone() != ("off",):
            pytest.skip("this server forgets nothing: its fsync is on")
    return server_url


def test_a_server_that_forgets_is_refused(forgetful_url: str, scene: Scene) -> None:
    strict = Scene(BenchServer(scene.server.settings, forgetful_url), Pace(nobody_watches))
    with pytest.raises(NotDurable, match="fsync = off"), strict.database():
        pass


def test_the_command_refuses_too_with_a_sentence(forgetful_url: str) -> None:
    ran = Cli({"TURNLOG_DATABASE_URL": forgetful_url})("bench", "append", "--quick", "--json")
    assert (ran.code, ran.error["code"]) == (1, "not_durable")
    assert "fsync" in ran.error["message"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:1/a?x=1", "postgresql://u:p@h:1/new?x=1"),
        ("postgresql://h", "postgresql://h/new"),
        ("postgresql://u@/a?host=%2Ftmp", "postgresql://u@/new?host=%2Ftmp"),
        ("postgresql:///a?dbname=b&host=h", "postgresql:///new?host=h"),
    ],
)
def test_another_database_on_the_same_server(url: str, expected: str) -> None:
    assert with_database(url, "new") == expected


def test_the_parts_of_a_url_are_those_of_the_connection(scene: Scene) -> None:
    with scene.database() as database:
        parts = parts_of(database)
        assert parts.keys() == {"host", "port", "user", "password", "dbname"}
        given = {name: value for name, value in parts.items() if value}
        with psycopg.connect(make_conninfo("", **given)) as other:
            assert other.info.dbname == name_in(database.url)

"""A log that was filled is a log like any other."""

from __future__ import annotations

import pytest

from adapters.bench import generate
from adapters.bench.generate import Generator
from adapters.bench.scene import Scene
from adapters.bench.template import make_template
from adapters.composition import open_turnlog
from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from tests.adapters.cli.harness import Cli
from tests.fixtures.catalog import catalog

QUERY = """
    SELECT count(*), min(position), max(position), count(DISTINCT thread_id),
           count(*) FILTER (WHERE type = 'turn.started'),
           (SELECT position FROM log_head) = max(position)
               AND (SELECT recorded_at FROM log_head) = max(recorded_at)
    FROM log
"""


def verify(database: Database) -> dict[str, object]:
    document: dict[str, object] = Cli({"TURNLOG_DATABASE_URL": database.url}).document("verify")
    return document


def test_a_filled_log_verifies_clean_and_its_read_models_equal_the_fold(scene: Scene) -> None:
    with scene.database() as database:
        generator = Generator(database)
        # Two groups, the second of them smaller; then threads of another shape beside them.
        many = generator.fill(threads=53, turns=5, events=81, remember=10)
        one = generator.fill(threads=1, turns=20, events=400, remember=1)
        with connect(database) as connection:
            row = connection.execute(QUERY).fetchone()
        assert row == (53 * 81 + 400, 1, 53 * 81 + 400, 54, 53 * 5 + 20, True)
        with open_turnlog(scene.settings_for(database)) as turnlog:
            # It goes on like any thread, by the service and from what is remembered of it.
            for thread_id in (many.ids[0], many.ids[-1], one.ids[0]):
                outcome = turnlog.service.submit(thread_id, "Go on")
                assert outcome.started_turn_id is not None
            before = turnlog.service.thread(many.ids[1])
            assert (before.seq, before.version) == (many.seq, many.version)
            turnlog.rebuild(lambda _progress: None)
        verdict = verify(database)
        assert verdict["clean"], verdict["findings"]
        assert verdict["threads"] == 54


def test_it_may_be_filled_without_indexes_and_has_them_afterwards(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "WITHOUT_INDEXES_FROM", 1)
    monkeypatch.setattr(generate, "EVENTS_PER_RUN", 500)  # so that processes do it, in several runs
    with scene.database() as database:
        with connect(database) as connection:
            before = catalog(connection, database.schema)
        Generator(database).fill(threads=120, turns=1, events=9)
        with connect(database) as connection:
            assert catalog(connection, database.schema) == before
        with open_turnlog(scene.settings_for(database)) as turnlog:
            turnlog.catch_up()
        verdict = verify(database)
        assert verdict["clean"], verdict["findings"]
        assert verdict["events"] == 120 * 9


@pytest.mark.parametrize(("turns", "events"), [(1, 7), (1, 8), (5, 41), (5, 100), (10, 200)])
def test_a_template_has_exactly_as_many_turns_and_events_as_asked(turns: int, events: int) -> None:
    template = make_template(turns, events)
    names = [entry.topic for command in template.commands for entry in command]
    assert len(names) == template.events == events
    assert names.count("turn.started") == turns


def test_a_template_shows_what_happens_in_threads() -> None:
    template = make_template(10, 200)
    names = {entry.topic for command in template.commands for entry in command}
    assert names >= {"turn.steered", "turn.interrupt_requested", "queue.held", "queue.released"}


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not make 20 events"):
        make_template(10, 20)

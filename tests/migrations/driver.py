"""A process of one turnlog, old or new, while another one is being deployed.

Run as a file, with PYTHONPATH naming the code to run with: nothing of the tests is imported here.
It appends turns, follows the log and reads the tables until its stdin is closed; then it waits
until the tables show what it wrote, and says how it went.
"""

from __future__ import annotations

import json
import sys
import threading

import domain
from adapters.composition import Turnlog, open_turnlog
from adapters.postgres.follower import PostgresFollowerSession
from adapters.settings import load_settings
from domain.errors import TurnlogError
from projections.follow import Follower

PACE_SECONDS = 0.06
PATIENCE_SECONDS = 120.0


class Following(threading.Thread):
    """Follows the log. `died` is what it died of, `troubles` are what it was told."""

    def __init__(self, log: Turnlog, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.log = log
        self.stop = stop
        self.died: str | None = None
        self.troubles: list[str] = []

    def run(self) -> None:
        try:
            with PostgresFollowerSession(self.log.database) as session:
                Follower(session, poll_seconds=0.05).follow(self.stop.is_set, self._tell)
        except BaseException as error:
            self.died = repr(error)
            raise

    def _tell(self, error: TurnlogError) -> None:
        self.troubles.append(error.code)


def main() -> None:
    told_to_stop, done = threading.Event(), threading.Event()

    def listen() -> None:
        sys.stdin.read()
        told_to_stop.set()

    threading.Thread(target=listen, daemon=True).start()
    with open_turnlog(load_settings()) as log:
        following = Following(log, done)
        following.start()
        thread_id = log.service.create().thread_id
        prompts, last = 0, 0
        while not told_to_stop.wait(PACE_SECONDS):
            turn_id = log.service.submit(thread_id, f"prompt {prompts}").started_turn_id
            assert turn_id is not None
            last = log.service.finish(thread_id, turn_id, "completed").position or last
            prompts += 1
            log.rows.thread(thread_id)  # however far the tables are, they can be read
            if prompts == 1:
                print("ready", flush=True)  # noqa: T201
        with PostgresFollowerSession(log.database) as session:
            Follower(session).wait_for(last, PATIENCE_SECONDS)
        rows = log.rows.thread(thread_id)
        done.set()
        following.join(PATIENCE_SECONDS)
    report = {
        "code": str(domain.__file__),
        "thread_id": thread_id,
        "prompts": prompts,
        "shown": len(rows.prompts) if rows else 0,
        "troubles": following.troubles,
        "died": following.died,
    }
    print(json.dumps(report), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

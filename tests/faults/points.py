"""Random points at which something goes wrong, the same ones for the same seed."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from random import Random
from typing import Final, get_args

import pytest

from tests.fixtures.faults import AT_REPLIES, Fault, Kind, Proxy, Role

SEED_VARIABLE: Final = "TURNLOG_TEST_FAULT_SEED"
CI_SEED: Final = "2025"

ROLES: Final[dict[Role, int]] = {"append": 8, "follow": 3, "read": 3, "listen": 3, "any": 1}
"""How often which connection is hit first."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# What may happen to a connection that finds out what became of a lost append.
AT_SETTLING: Final[tuple[Kind, ...]] = (
    "request lost",
    "request torn",
    "no reply",
    "reply lost",
    "reply torn",
)
STARTS: Final = b"application_name"
"""Bytes of the first request of a connection."""


@dataclass(frozen=True)
class Point:
    """Faults, and what becomes of the other connections when the first one strikes."""

    faults: tuple[Fault, ...]
    others: str

    def arm(self, proxy: Proxy) -> None:
        """Let it come."""

        def strike() -> None:
            proxy.on_strike = None  # only at the first of the faults
            if self.others == "are cut":
                proxy.cut()
            if self.others == "find nobody":
                proxy.stop()

        proxy.on_strike = strike
        proxy.arm(*map(replace, self.faults))
        # Notifications come by themselves, but LISTEN is said once in a connection.
        if self.faults[0].role == "listen" and self.faults[0].kind not in AT_REPLIES:
            proxy.cut("listen")


def random_point(random: Random) -> Point:
    """One of the things that can happen."""
    role = random.choices(list(ROLES), list(ROLES.values()))[0]
    first = Fault(
        random.choice(KINDS), role, skip=_skip(random, role), share=random.uniform(0.02, 0.98)
    )
    if first.kind == "request late" and role != "append":
        first.kind = "no reply"
    faults = [first]
    if random.random() < 0.4:
        kind = random.choice(AT_SETTLING)
        faults.append(Fault(kind, "settle", skip=random.randrange(2), share=random.random()))
    if random.random() < 0.2:
        faults.append(Fault(random.choice(AT_SETTLING), containing=STARTS, share=random.random()))
    others = random.choices(["stay", "are cut", "find nobody"], [12, 2, 1])[0]
    return Point(tuple(faults), "stay" if first.kind == "silence" else others)


def _skip(random: Random, role: Role) -> int:
    return random.randrange({"append": 8, "follow": 8, "listen": 1}.get(role, 4))


def base_seed(config: pytest.Config) -> str:
    """The one that was asked for; else with CI's profile always the same, or else a new one."""
    asked = os.environ.get(SEED_VARIABLE)
    in_ci = config.getoption("--hypothesis-profile", None) == "ci"
    return asked or (CI_SEED if in_ci else secrets.token_hex(4))


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    """Randomness of the test's own; a failure prints how to have the same again."""
    seed = base_seed(request.config)
    print(f"to repeat: {SEED_VARIABLE}={seed} pytest {request.node.nodeid!r}")  # noqa: T201
    return Random(f"{seed} {request.node.name}")

"""The state machine finds nothing in the domain as it is."""

from hypothesis import settings

from tests.domain.machine import Runtime

TestRuntime = Runtime.TestCase
TestRuntime.settings = settings(stateful_step_count=30)

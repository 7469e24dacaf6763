"""Lists the fixture plugins and scrubs what we inherit; nothing else belongs here."""

import os
import signal

# Before any test module is imported: a developer's own settings must not reach a test.
for _name in list(os.environ):
    if _name.startswith(("TURNLOG_", "PG")) and not _name.startswith("TURNLOG_TEST_"):
        del os.environ[_name]

# Who runs the tests in the background of a shell has Ctrl-C ignored, here and in what is started.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.fixtures.properties",
    "tests.fixtures.server",
    "tests.fixtures.database",
    "tests.fixtures.roles",
    "tests.fixtures.clock",
    "tests.fixtures.loggers",
    "tests.fixtures.faults",
    "tests.fixtures.pooler",
    "tests.faults.points",
    "tests.faults.site",
]

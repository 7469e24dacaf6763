"""A process dies at every point between two things it does to the world outside, and a new one
carries on.

What leaves a process goes through here: its statements to PostgreSQL through `wire`, which reads
the protocol, and what its engine does and its user is told through a pipe (`process`). So nothing
in the product knows of it. `effects` has the names, `trial` counts them, kills the process and
starts the next one; `site` says what must hold then; each test module has the scenarios of one part
of turnlog, and what that part does, in order, by name: something new shows.

TURNLOG_TEST_CRASHES=all has the processes die also between the statements of a transaction, and
what they last sent done when others have carried on; =twice has those who carry on after a worker
die as well.
"""

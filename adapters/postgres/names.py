"""Names and codes that the migrations give and the code relies on. A test compares the two."""

from __future__ import annotations

from typing import Final

CHANNEL: Final = "turnlog"
"""NOTIFY channel of the log; the payload is its last position."""

SQLSTATE_FENCED: Final = "TL002"
"""Raised by the append functions for a batch that was given up."""
SQLSTATE_WRONG_ISOLATION: Final = "TL003"
"""Raised by the append functions in a transaction that is not READ COMMITTED."""

LOG_PRIMARY_KEY: Final = "log_pkey"
LOG_SEQ_KEY: Final = "log_seq_key"
LOG_VERSION_KEY: Final = "log_version_key"
LOG_RECEIPT_KEY: Final = "log_receipt_key"
LOG_KEYS: Final = frozenset({LOG_PRIMARY_KEY, LOG_SEQ_KEY, LOG_VERSION_KEY, LOG_RECEIPT_KEY})
"""What the append functions see to, so that a violation means the log and its head disagree."""

LOG_DATA_CHECK: Final = "log_data_check"
LOG_NAMES_CHECK: Final = "log_names_check"
LOG_RECEIPT_CHECK: Final = "log_receipt_check"
LOG_NUMBERS_CHECK: Final = "log_numbers_check"
LOG_HASH_CHECK: Final = "log_hash_check"
LOG_CHECKS: Final = frozenset(
    {LOG_DATA_CHECK, LOG_NAMES_CHECK, LOG_RECEIPT_CHECK, LOG_NUMBERS_CHECK, LOG_HASH_CHECK}
)
"""What an event itself can violate."""

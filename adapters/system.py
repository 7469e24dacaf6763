"""The real clock and the real randomness."""

from __future__ import annotations

import os
from datetime import UTC, datetime


class SystemClock:
    """The port `Clock` over the machine's clock."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)


class SystemEntropy:
    """The port `Entropy` over the kernel's randomness."""

    def bytes(self) -> bytes:
        """Sixteen fresh random bytes."""
        return os.urandom(16)

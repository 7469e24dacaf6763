"""`dataclasses.replace`, several times faster.

Folding a history is mostly this: a new state for every event. The library's own goes through
`__init__`, field by field; here the fields are copied at once. For frozen dataclasses that compute
nothing when they are made and are not slotted; the type checker sees the library's function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import replace as replace  # noqa: PLC0414  (exported)
else:
    _new = object.__new__
    _set = object.__setattr__

    def replace(state: Any, /, **changes: Any) -> Any:
        """A copy of `state` with these fields changed."""
        copied = _new(type(state))
        _set(copied, "__dict__", state.__dict__ | changes)
        return copied

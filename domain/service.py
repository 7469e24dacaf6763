"""The application service.

One method a command of the table. `command_id` (for prompts: `input_id`) is what a client repeats
to be answered instead of running the command twice; without one the call cannot be a retry.
"""

from __future__ import annotations

from domain.intents.approvals import ApprovalCommands
from domain.intents.inbox import InboxCommands
from domain.intents.items import ItemCommands
from domain.intents.prompts import PromptCommands
from domain.intents.threads import ThreadCommands
from domain.intents.turns import TurnCommands


class ThreadService(
    PromptCommands, InboxCommands, TurnCommands, ItemCommands, ApprovalCommands, ThreadCommands
):
    """Every command on a thread. Safe to share between threads of a process."""

"""What the people of the demo say, and what the engine does about it."""

from __future__ import annotations

import json
from typing import Final

RETRY: Final = "Add a retry to the uploader"
CHANGELOG: Final = "Then update the changelog"
LONGER: Final = "Wait longer after each attempt"
PUBLISH: Final = "Publish the new version"
WHAT_CHANGED: Final = "What have you changed so far?"
TELL: Final = "Tell the team about it"

UPLOAD_COMMAND: Final = "twine upload dist/*"

SCRIPT: Final = {
    "name": "demo",
    "acknowledge": "All right: {steer}.",
    "turns": [
        {
            "when": RETRY,
            "steps": [
                {"do": "think", "text": "First see how uploads are sent."},
                {
                    "do": "run",
                    "command": "grep -n 'def upload' client.py",
                    "output": "12:def upload(path):",
                    "wait": {"until": "steered", "seconds": 60},
                },
                {"do": "boundary"},
                {"do": "change", "path": "client.py", "diff": "+    for attempt in range(3):"},
                {"do": "say", "text": "Uploads are tried three times, with growing pauses."},
            ],
        },
        {
            "when": CHANGELOG,
            "steps": [
                {"do": "change", "path": "CHANGELOG.md", "wait": {"seconds": 60}},
                {"do": "say", "text": "The changelog has an entry for the retry."},
            ],
        },
        {
            "when": WHAT_CHANGED,
            "steps": [{"do": "say", "text": "client.py, but the changelog was interrupted."}],
        },
        {
            "when": PUBLISH,
            "steps": [
                {"do": "run", "command": UPLOAD_COMMAND, "wait": {"seconds": 60}},
                {"do": "say", "text": "Version 1.4.0 is published."},
            ],
        },
    ],
    "steps": [{"do": "say", "text": "Done: {prompt}."}],
}


def text() -> str:
    """The script as a scripted engine reads it."""
    return json.dumps(SCRIPT)

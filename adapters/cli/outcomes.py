"""What a command did, in words and as JSON."""

from __future__ import annotations

from dataclasses import asdict

from adapters.cli.screen import Screen
from adapters.cli.words import count, listed, printable, short_thread
from domain.outcome import Admission, Outcome


def as_document(outcome: Outcome) -> dict[str, object]:
    """The outcome for a program; every key is always there."""
    return asdict(outcome)


def tell(outcome: Outcome, screen: Screen) -> None:
    """What changed, a sentence each, and what can be done about what waits."""
    if outcome.repeated:
        screen.say("This was done before; here is what it did then. Nothing was added.", "yellow")
    if outcome.seq is None:
        screen.say("There was nothing to do.")
        return
    if outcome.ended_turn_id:
        screen.say(f"Turn {outcome.ended_turn_id} is {outcome.ended_status}.")
    if outcome.released:
        screen.say(f"Released {count(len(outcome.released), 'prompt')}.")
    _tell_withdrawn(outcome, screen)
    if outcome.admission:
        _tell_admission(outcome.admission, screen)
    elif outcome.started_turn_id:
        screen.say(f"Turn {outcome.started_turn_id} has started.")
    tell_held(held_by(outcome), outcome.thread_id, screen)


def _tell_admission(admission: Admission, screen: Screen) -> None:
    if admission.state == "promoted":
        screen.say(f"Prompt {admission.input_id} runs now, as turn {admission.turn_id}.")
    else:
        screen.say(f"Prompt {admission.input_id} waits in the inbox.")
    if admission.replaced:
        what = count(admission.replaced, "character")
        screen.say(f"{what} could not be stored and became \N{REPLACEMENT CHARACTER}.", "yellow")


def held_by(outcome: Outcome) -> int:
    """How many prompts the outcome says are on hold."""
    before = outcome.admission.held if outcome.admission else 0
    return max(before, len(outcome.held))


def tell_held(number: int, thread_id: str, screen: Screen) -> None:
    """How many prompts are on hold, if any are, and the way out."""
    if number:
        are = "is" if number == 1 else "are"
        what = "it" if number == 1 else "them"
        way_out = f"`turnlog release {short_thread(thread_id)}` lets {what} run"
        screen.say(f"{count(number, 'prompt')} {are} on hold; {way_out}.", "magenta")


def _tell_withdrawn(outcome: Outcome, screen: Screen) -> None:
    """The texts in full: nobody else has them any more in a place to edit."""
    if not outcome.withdrawn:
        return
    ids = listed([gone.input_id for gone in outcome.withdrawn])
    screen.say(f"Withdrawn: {ids}. The text, to send again:")
    for gone in outcome.withdrawn:
        screen.say(printable(gone.text), indent=4)

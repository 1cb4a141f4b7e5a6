"""Whose a session and a call under way are: the first who used a session's name owns it.

Gradio lets whoever knows the name of a session follow it. Here a name that is another's is as good as unknown.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

MAX_SESSIONS = 100_000  # names remembered; the ones used longest ago go first


class Sessions:
    """Names of sessions and events with their owners."""

    def __init__(self, most: int = MAX_SESSIONS) -> None:
        self._most = most
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._events: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def claim(self, session: str, person: str) -> bool:
        """Whether the session is this person's, who gets it if it is nobody's yet."""
        owner = self._owners.setdefault(session, person)
        self._touch(self._owners, session)
        return owner == person

    def note_event(self, event: str, person: str, session: str | None) -> None:
        """A call of this person has begun. Without a session of its own, its name is also that of its session."""
        self._events[event] = person, session or event
        self._touch(self._events, event)
        self.claim(event, person)

    def session_of(self, event: str, person: str) -> str | None:
        """The session of a call, if this person began it."""
        owner, session = self._events.get(event, (None, None))
        return session if owner == person else None

    def _touch(self, names: OrderedDict[str, Any], name: str) -> None:
        names.move_to_end(name)
        while len(names) > self._most:
            names.popitem(last=False)

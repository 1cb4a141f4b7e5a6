"""Whose something is, as the tables keep it: each way of knowing a person has a name space of its own, so that a key
that a browser was told to keep can never be somebody's login."""

from __future__ import annotations

CLI = "cli"  # whoever may use the data folder's files: the command line


def login_person(name: str) -> str:
    """A person who logged in."""
    return f"login:{name}"


def browser_person(key: str) -> str:
    """A browser that keeps a random key."""
    return f"browser:{key}"


def ticket_person(ticket: str) -> str:
    """Nobody yet: whoever comes with this random ticket gets what is kept for it."""
    return f"ticket:{ticket}"


def session_person(session: str) -> str:
    """A page or program that keeps nothing."""
    return f"session:{session}"

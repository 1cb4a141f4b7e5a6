"""Who goes next: in turn by person, first come first served within a person. Pure; no threads, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """A queue of items that belong to persons. Each `pop` takes the first item of the person whose turn it is."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[T]] = {}  # in the order in which the persons' turns come

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def push(self, person: str, item: T) -> None:
        """Last of this person's items; a person new to the queue is last in the round."""
        self._waiting.setdefault(person, deque()).append(item)

    def push_front(self, person: str, item: T) -> None:
        """Next of all: for a call that is tried again."""
        mine = self._waiting.pop(person, deque())
        mine.appendleft(item)
        self._waiting = {person: mine, **self._waiting}

    def pop(self, skip: Container[str] = ()) -> T:
        """The next item; its person goes to the end of the round. Persons in `skip` are passed over and keep their
        place. Raises IndexError when there is none."""
        person = next((person for person in self._waiting if person not in skip), None)
        if person is None:
            raise IndexError("nothing waits")
        mine = self._waiting.pop(person)
        item = mine.popleft()
        if mine:
            self._waiting[person] = mine
        return item

    def count(self, person: str) -> int:
        """How many items of this person wait."""
        return len(self._waiting.get(person, ()))

    def remove(self, item: T) -> bool:
        """Take an item out; False when it does not wait here."""
        for person, mine in self._waiting.items():
            if item in mine:
                mine.remove(item)
                if not mine:
                    del self._waiting[person]
                return True
        return False

    def __iter__(self) -> Iterator[T]:
        """The items in the order in which they would be popped if nothing else came."""
        rounds = [deque(mine) for mine in self._waiting.values()]
        while rounds:
            rounds = [mine for mine in rounds if mine]
            for mine in rounds:
                yield mine.popleft()

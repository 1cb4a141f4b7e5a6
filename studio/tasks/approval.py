"""Tools that ask before they run: the agent waits here for the person's yes or no."""

from __future__ import annotations

import threading

ANSWER_SECONDS = 300.0  # then the answer is no


class Approval:
    """One question. `cancel` (the person's Stop) ends the waiting with a no."""

    def __init__(self) -> None:
        self._answered = threading.Event()
        self._yes = False

    def answer(self, yes: bool) -> None:
        """The person's word, from any thread; the first one counts."""
        if not self._answered.is_set():
            self._yes = yes
            self._answered.set()

    def cancel(self) -> None:
        """No answer will come."""
        self.answer(False)

    def wait(self, seconds: float = ANSWER_SECONDS) -> bool:
        """The answer; no when there is none within so many seconds."""
        return self._answered.wait(seconds) and self._yes


class Approvals:
    """The questions of one answer, by the number of their step; `confirm` are the tools that ask. A page keeps it and
    answers; a command line answers as soon as it sees a step that asks."""

    def __init__(self, confirm: frozenset[str] = frozenset()) -> None:
        self.confirm = confirm
        self._open: dict[int, Approval] = {}

    def ask(self, number: int) -> Approval:
        """The question whether step `number` may run. It can be answered from now on."""
        return self._open.setdefault(number, Approval())

    def answer(self, number: int, yes: bool) -> None:
        """The person's word about step `number`; nothing happens where nothing is asked."""
        if approval := self._open.get(number):
            approval.answer(yes)

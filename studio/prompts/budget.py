"""What fits into a model's context: its size, and tokens counted by the model's own tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from studio.errors import ContextOverflow
from studio.protocol import MIN_NEW_TOKENS, Adapter, Control, Image, ModelCard, Prompt, Segment, Text

Count = Callable[[tuple[Prompt, ...]], tuple[int, ...]]
S = TypeVar("S")


@dataclass(frozen=True)
class Budget:
    """The context of a loaded model, and the means to say what fits into it."""

    card: ModelCard
    count: Count

    def tokens(self, prompt: Prompt) -> int:
        """What a prompt takes, BOS and pictures included (of tiled pictures the most). The pictures themselves are not
        sent to be counted: a control token stands for each."""
        mark = next((s for s in prompt if isinstance(s, Control)), None)
        images = [s for s in prompt if isinstance(s, Image)]
        if mark is None and images:
            raise ValueError("a prompt with pictures has a control token")
        (counted,) = self.count((tuple(mark if mark and isinstance(s, Image) else s for s in prompt),))
        return counted + sum(self.card.tokens_of(image) - 1 for image in images)

    def fits(self, prompt: Prompt, answer: int) -> bool:
        """Whether `answer` new tokens have room after it. Counts only where bytes do not decide: no text has more
        tokens than bytes."""
        return (
            self._max_tokens(prompt) + answer <= self.card.context or self.tokens(prompt) + answer <= self.card.context
        )

    def room(self, prompt: Prompt, wanted: int) -> int:
        """How many of `wanted` new tokens have room after a prompt."""
        if self._max_tokens(prompt) + wanted <= self.card.context:
            return wanted
        return max(0, min(wanted, self.card.context - self.tokens(prompt)))

    def fullest(self, states: Sequence[S], build: Callable[[S], Prompt], answer: int) -> tuple[S, Prompt]:
        """The first of `states` whose prompt fits; each leaves out a little more than the one before. Raises
        ContextOverflow when not even the last one fits."""
        if self.fits(prompt := build(states[0]), answer):
            return states[0], prompt
        if not self.fits(prompt := build(states[-1]), answer):
            needed = self.tokens(prompt) + answer
            raise ContextOverflow("context_overflow", needed=needed, limit=self.card.context, model=self.card.name)
        over, good = 0, len(states) - 1
        while good - over > 1:
            middle = (over + good) // 2
            if self.fits(tried := build(states[middle]), answer):
                good, prompt = middle, tried
            else:
                over = middle
        return states[good], prompt

    def share(self, wanted: int) -> int:
        """Room that a text is given at the least, where something can be left out for it: a quarter of the context."""
        return min(wanted, max(MIN_NEW_TOKENS, self.card.context // 4))

    def _max_tokens(self, prompt: Prompt) -> int:
        return 1 + sum(map(self._most, prompt))

    def _most(self, segment: Segment) -> int:
        match segment:
            case Text(text):
                return len(text.encode("utf-8", "surrogatepass"))
            case Image():
                return self.card.tokens_of(segment)
            case Control():
                return 1
            case Adapter():
                return 0

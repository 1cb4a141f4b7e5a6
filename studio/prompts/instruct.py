"""Plain requests for any instruction model, in the language of what is asked, Chinese or English.

What stands around the messages comes from the model's own chat template (`ModelCard.chat`). A small model gets small
steps: a section at a time under an outline, with everything before it as the beginning of its own answer, so
that the prefix cache reads nothing twice; and its pictures come from retrieval by its own text, which was better than
its captions and choices (measured). What is to have a form (numbers, a letter) has it by a grammar or by scores.
"""

from __future__ import annotations

from dataclasses import replace

from studio.language import language_of
from studio.prompts import chat_protocol
from studio.prompts.chat_protocol import merged
from studio.prompts.instruct_words import WORDS, Words
from studio.prompts.messages import Message
from studio.prompts.part_edits import NOTHING, Around, in_plain_words
from studio.prompts.writing_forms import Part, asked_length, form_of, section_count
from studio.protocol import CHATML, Image, ModelCard, Prompt, Sampling, Segment, Text

SMALL = 3_000_000_000  # parameters below which a model is not asked to plan (measured on 0.5B and 1.5B)
DEFAULT = ModelCard("instruction model", "instruct", ("en", "zh"), False, 4096, chat=CHATML)


class Instruct:
    """See `Dialect`. Built for a card: its chat format, its size, whether it sees."""

    def __init__(self, card: ModelCard = DEFAULT) -> None:
        self._chat, self._sees = card.chat or CHATML, card.sees
        self.small = 0 < card.parameters < SMALL
        self.writing = Sampling(
            temperature=0.6 if self.small else 0.7, top_p=0.8, top_k=20, repetition_penalty=1.05, max_tokens=1024
        )
        self.answering = replace(self.writing, temperature=0.3, max_tokens=512)

    def title(self, instruction: str) -> Prompt:
        """The answer begins with a quotation mark and ends at the next."""
        words = WORDS[language_of(instruction)]
        return self._ask(words.writer, (Text(words.title.format(instruction=instruction)),), begin='"')

    def article(self, instruction: str, images: tuple[Image, ...], begin: str = "", materials: str = "") -> Prompt:
        """Sections with headings, in one go; so many of them as the length that is asked for has room for."""
        words, length = WORDS[language_of(instruction)], asked_length(instruction)
        count = self._section_count(instruction)
        request = words.article.format(
            instruction=_request(instruction, materials),
            count=count,
            paragraphs=words.paragraphs[0 if self.small or length else 1],
            each=words.each.format(length=10 * round(length / count / 10)) if length else "",
        )
        return self._ask(words.writer, (*self._seen(images), Text(request)), begin)

    def section(
        self,
        instruction: str,
        outline: tuple[str, ...],
        heading: str,
        before: str,
        images: tuple[Image, ...],
        materials: str = "",
    ) -> Prompt:
        """The article so far is the beginning of the answer: what was read for one section is known for the next."""
        words = WORDS[language_of(instruction + heading)]
        plan = "\n".join(f"{number}. {line.strip()}" for number, line in enumerate(outline, 1))
        request = words.sections.format(instruction=_request(instruction, materials), outline=plan)
        return self._ask(words.writer, (*self._seen(images), Text(request)), begin=f"{before}\n\n")

    def outline(self, instruction: str, materials: str = "") -> Prompt:
        """A list started for it."""
        words = WORDS[language_of(instruction)]
        count = "3" if self.small else "3 to 5" if words is WORDS["en"] else "3到5"
        request = words.outline.format(instruction=_request(instruction, materials), count=count)
        return self._ask(words.writer, (Text(request),), begin="1.")

    def places(
        self, paragraphs: tuple[str, ...], count: int | None, images: tuple[Image, ...], first: int = 0
    ) -> Prompt | None:
        """The answer is a JSON list of numbers, see `places_form`. By retrieval for a small model."""
        if self.small:
            return None
        words = WORDS[language_of("".join(paragraphs))]
        question = words.some_places if count is None else words.places.format(count=count)
        shown: Prompt = (*self._seen(images), Text(f"{_numbered(paragraphs, first)}\n{question}"))
        return self._ask(words.writer, shown)

    def places_form(self, paragraphs: tuple[str, ...], count: int | None, first: int = 0) -> str:
        """A list of as many numbers as are asked for, of paragraphs that have words under them."""
        numbers = [at for at, text in enumerate(paragraphs, first) if text and not text.startswith("#")]
        if not numbers:
            return ""
        place = " | ".join(f'"{at}"' for at in numbers)
        most = min(len(numbers), 4 if count is None else count)
        least = 0 if count is None else most - 1
        return f'root ::= "[" place ("," " "? place){{{least},{max(0, most - 1)}}} "]"\nplace ::= {place}'

    def writing_form(self, request: str, part: Part = "words", sections: int = 0) -> str:
        """For a small model, see `writing_forms`."""
        return form_of(request, part, sections or self._section_count(request)) if self.small else ""

    def _section_count(self, instruction: str) -> int:
        return section_count(instruction, 3 if self.small else 4)

    def caption(
        self, paragraphs: tuple[str, ...], place: int, past: tuple[tuple[int, str], ...], first: int = 0
    ) -> Prompt | None:
        """What the picture should show, to be looked for; the answer is one line in quotation marks. By retrieval for a
        small model."""
        if self.small:
            return None
        words = WORDS[language_of("".join(paragraphs))]
        question = words.caption.format(place=place)
        return self._ask(words.writer, (Text(f"{_numbered(paragraphs[first:], first)}\n{question}"),), begin='"')

    def choice(
        self, paragraphs: tuple[str, ...], chosen: tuple[tuple[int, Image], ...], candidates: tuple[Image, ...]
    ) -> tuple[Prompt, tuple[str, ...]] | None:
        """By its eyes, where it has some; else see `choice_by_captions`."""
        if not self._sees:
            return None
        words = WORDS[language_of("".join(paragraphs))]
        before, after = words.choice.split("{pictures}")
        letters = "ABCDEFGHIJ"[: len(candidates)]
        shown: list[Segment] = [Text(f"{_numbered(paragraphs, 0)}\n{before}")]
        for letter, candidate in zip(letters, candidates, strict=True):
            shown += [Text(f"{letter}. "), candidate, Text("\n")]
        return self._ask(words.writer, (*shown, Text(after.lstrip())), begin=words.letter), _options(words, letters)

    def choice_by_captions(
        self, paragraphs: tuple[str, ...], captions: tuple[str, ...]
    ) -> tuple[Prompt, tuple[str, ...]] | None:
        """Ask which picture fits after the last paragraph, by what is known of each. By retrieval for a small model."""
        if self.small:
            return None
        words = WORDS[language_of("".join(paragraphs))]
        letters = "ABCDEFGHIJ"[: len(captions)]
        pictures = "\n".join(f"{letter}. {caption}" for letter, caption in zip(letters, captions, strict=True))
        request = f"{_numbered(paragraphs, 0)}\n{words.choice.format(pictures=pictures)}"
        return self._ask(words.writer, (Text(request),), begin=words.letter), _options(words, letters)

    def edit(self, kind: str, paragraph: str, instruction: str, after: str = "", around: Around = NOTHING) -> Prompt:
        """The paragraph, or the words in the place of others, alone come back."""
        language = language_of(paragraph + after) if paragraph + after else language_of(instruction)
        words, wish = WORDS[language], instruction.strip().rstrip(".。")
        if wish:
            wish = f"，要求：{wish}" if language == "zh" else f" ({wish})"
        if kind not in words.edits or any(around):
            return self._ask(words.writer, (Text(in_plain_words(kind, paragraph, instruction, around)),))
        request = words.edits[kind].format(paragraph=paragraph, after=after, wish=wish)
        return self._ask(words.writer, (Text(request),))

    def chat(self, turns: tuple[tuple[str, tuple[Image, ...], str], ...], begin: str = "") -> Prompt:
        """Pictures stand before their question. Where they are not seen, what is known of them is in the question."""
        words, chat = WORDS[language_of(turns[-1][0])], self._chat
        (question, images, answer), *rest = turns
        segments = [*self._opening(words.assistant, (*self._seen(images), Text(question)))]
        for asked, shown, given in rest:
            segments += [*chat.answered, Text(answer), *chat.following, *self._seen(shown), Text(asked)]
            answer = given
        return merged((*segments, *chat.ask, Text(begin)))

    def talk(self, messages: tuple[Message, ...], begin: str = "") -> Prompt:
        """The model's own chat template. Pictures that it cannot see are left out."""
        known = tuple(replace(m, content=self._known(m.content)) for m in messages)
        return chat_protocol.by_template(self._chat, known, begin)

    def _known(self, content: Prompt) -> Prompt:
        return tuple(s for s in content if self._sees or not isinstance(s, Image))

    def _ask(self, system: str, content: tuple[Segment, ...], begin: str = "") -> Prompt:
        """One question and the beginning of the answer."""
        return merged((*self._opening(system, content), *self._chat.ask, Text(begin)))

    def _opening(self, system: str, content: tuple[Segment, ...]) -> tuple[Segment, ...]:
        """The system message, or where the model takes none its words before the question; and the first question."""
        if self._chat.system is None:
            return (*self._chat.begin, Text(f"{system}\n\n"), *content)
        before, between = self._chat.system
        return (*before, Text(system), *between, *content)

    def _seen(self, images: tuple[Image, ...]) -> tuple[Image, ...]:
        return images if self._sees else ()


def _request(instruction: str, materials: str) -> str:
    """The instruction, or a title and materials as one."""
    if not materials:
        return instruction
    return WORDS[language_of(instruction)].materials.format(instruction=instruction, materials=materials)


def _options(words: Words, letters: str) -> tuple[str, ...]:
    """Letters as they follow `Words.letter`."""
    return tuple(letters)


def _numbered(paragraphs: tuple[str, ...], first: int) -> str:
    return "".join(f"[{number}] {paragraph}\n" for number, paragraph in enumerate(paragraphs, first))

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from studio.errors import ModelError
from studio.library.index import Library
from studio.protocol import Call, Embed, Failed
from studio.settings import assets
from studio.specs import ScriptedSpec
from studio.storage.store import Store
from studio.tasks.embedding import AT_ONCE, CACHED, Embedder
from studio.worker.client import WorkerClient
from studio.worker.request import Request


class CountingClient(WorkerClient):
    """Keeps the calls it was given."""

    def __init__(self) -> None:
        super().__init__(ScriptedSpec())
        self.calls: list[Call] = []

    def submit(self, call: Call, person: str = "") -> Request:
        self.calls.append(call)
        return super().submit(call, person)


@pytest.fixture
def worker() -> Iterator[CountingClient]:
    worker = CountingClient()
    worker.start()
    yield worker
    worker.close()


def test_many_texts_are_one_call_and_known_ones_none(worker: CountingClient) -> None:
    embed = Embedder(worker)
    first = embed(("tea", "coffee", "tea"))
    assert worker.calls == [Embed(("tea", "coffee"))]
    assert first[0] == first[2] != first[1]
    assert embed(("coffee",)) == (first[1],)
    assert len(worker.calls) == 1
    assert embed(("tea", "milk"))[0] == first[0]
    assert worker.calls[1] == Embed(("milk",))


def test_a_library_is_embedded_in_pieces_between_which_a_search_finds_its_turn(worker: CountingClient) -> None:
    texts = tuple(f"picture {number}" for number in range(2 * AT_ONCE + 1))
    vectors = Embedder(worker)(texts)
    assert [len(call.texts) for call in worker.calls if isinstance(call, Embed)] == [AT_ONCE, AT_ONCE, 1]
    assert vectors == tuple(Embedder(worker)((text,))[0] for text in texts)


def test_nothing_is_no_call(worker: CountingClient) -> None:
    assert Embedder(worker)(()) == () and worker.calls == []


def test_only_the_texts_of_late_are_remembered(worker: CountingClient) -> None:
    embed = Embedder(worker)
    embed(("old",))
    assert len(embed(tuple(map(str, range(CACHED + 50))))) == CACHED + 50  # more than is remembered
    embed(("old",))
    assert worker.calls[-1] == Embed(("old",))


class NoMeaning(CountingClient):
    """A machine without the search model."""

    def submit(self, call: Call, person: str = "") -> Request:
        self.calls.append(call)
        request = Request(len(self.calls), call, person, lambda request: None)
        request.put(Failed(ModelError("text_embedder_missing")))
        return request


def test_without_the_search_model_words_must_do(tmp_path: Path) -> None:
    embed = Embedder(NoMeaning())
    assert embed(("tea", "milk")) == ((), ())
    with closing(Store(tmp_path)) as store:
        found = Library(store, assets() / "pictures", embed).search("a lighthouse at the sea")
    assert "lighthouse" in found[0].caption.lower()

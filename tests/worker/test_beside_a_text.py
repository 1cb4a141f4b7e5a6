"""The real starter model on however many cores there are: what goes on beside a text, and what is no hang."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from studio.checkpoints.catalog import starter_path
from studio.prompts.starter import Starter
from studio.protocol import Done, Embed, Generate, ModelCard, Piece, Sampling, Started, Text, Vectors
from studio.specs import GgufSpec
from studio.worker.client import WorkerClient
from studio.worker.timing import Timing

pytestmark = pytest.mark.real
CARD = ModelCard("starter", "starter", ("en",), False, 4096)


@pytest.fixture
def client() -> Iterator[WorkerClient]:
    client = WorkerClient(GgufSpec(starter_path(), CARD), Timing(beat=0.2, silence=3.0))
    client.start()
    client.wait_ready(60)
    yield client
    client.close()


def test_a_search_beside_a_text_takes_a_moment(client: WorkerClient) -> None:
    def search(number: int) -> float:
        began = time.monotonic()
        assert isinstance(client.submit(Embed((f"a red boat in harbour number {number}",))).result(), Vectors)
        return time.monotonic() - began

    search(0)  # the first one loads the embedder
    alone = [search(number) for number in range(1, 8)]
    article = Starter().article("Write an article about the sea", ())
    text = client.submit(Generate("composer", article, replace(Starter().writing, max_tokens=2000, temperature=1.0)))
    assert any(isinstance(event, Piece) for event in text.events())
    beside = [search(number) for number in range(10, 21)]
    assert not text.ended
    text.cancel()
    # 0.3 s, or on a machine with other work to do what its share of the cores allows
    assert statistics.median(beside) < max(0.3, 6 * statistics.median(alone)), (alone, beside)


def test_a_long_prompt_is_no_hang_and_can_be_stopped(client: WorkerClient) -> None:
    """The prompt takes longer than a hung worker is given."""
    prompt = (Text("word other " * 900),)
    done = client.submit(Generate("composer", prompt, Sampling(max_tokens=2))).result()
    assert isinstance(done, Done) and done.usage.prompt_tokens > 1500
    stopped = client.submit(Generate("composer", (Text("yellow boat " * 1700),), Sampling(max_tokens=2)))
    assert any(isinstance(event, Started) for event in stopped.events())
    stopped.cancel()
    following = client.submit(Generate("composer", (Text("Hello"),), Sampling(max_tokens=2)))
    assert isinstance(following.result(), Done)
    assert client.restarts == 0
    # the whole second prompt would have counted had Stop waited for its end
    assert client.stats.prompt_tokens < done.usage.prompt_tokens + 3000

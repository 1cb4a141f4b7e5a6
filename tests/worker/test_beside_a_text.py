"""The real starter model on however many cores there are: what goes on beside a text."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from studio.checkpoints.catalog import starter_path
from studio.prompts.starter import Starter
from studio.protocol import Embed, Generate, ModelCard, Piece, Vectors
from studio.specs import GgufSpec
from studio.worker.client import WorkerClient

pytestmark = pytest.mark.real
CARD = ModelCard("starter", "starter", ("en",), False, 4096)


@pytest.fixture
def client() -> Iterator[WorkerClient]:
    client = WorkerClient(GgufSpec(starter_path(), CARD))
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

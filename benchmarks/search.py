"""How often the right picture of the starter set is found by a text that does not have its title:

    python benchmarks/search.py

One text a picture and language. Prints a table: found first, found among the first
four, by words, by meaning, by both; and what search by meaning costs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run from a checkout that is not installed

from studio.auxiliary.text_embedder import TextEmbedder
from studio.library import index
from studio.library.index import Embed, Library
from studio.storage.store import Store

QUERIES = Path(__file__).with_name("search_queries.txt")  # FILE|English|Chinese a line
STARTER = Path(__file__).parents[1] / "assets" / "pictures"


def rates(library: Library, store: Store, queries: dict[str, str], by_meaning: bool) -> tuple[float, float]:
    """The shares of queries whose picture is first, and among the first four."""
    ranks = []
    for name, query in queries.items():
        hits = library.search(query, limit=100, by_meaning=by_meaning)
        names = [store.file_path(hit.picture.key).stem for hit in hits]
        ranks.append(names.index(name) if name in names else 1000)
    return sum(rank < 1 for rank in ranks) / len(ranks), sum(rank < 4 for rank in ranks) / len(ranks)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    lines = [line.split("|") for line in QUERIES.read_text("utf-8").splitlines()]
    started = time.perf_counter()
    embedder = TextEmbedder(2)
    embedder.embed(("x",))
    loaded = time.perf_counter() - started

    def embed(texts: tuple[str, ...]) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(vector) for vector in embedder.embed(texts))

    usual = index.WORDS_WEIGHT
    choices: tuple[tuple[str, Embed | None, float], ...] = (
        ("words", None, usual),
        ("meaning", embed, 0.0),
        ("both", embed, usual),
    )
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for place, language in ((1, "en"), (2, "zh")):
            queries = {line[0]: line[place] for line in lines}
            for name, model, weight in choices:
                library = Library(store, STARTER, model)
                index.WORDS_WEIGHT = weight
                first, four = rates(library, store, queries, model is not None)
                print(f"{language} {name:8} first {first:.2f}  first four {four:.2f}")
        spent = time.perf_counter()
        embed(("a cat on a windowsill",))
        print(f"loaded in {loaded:.1f} s; one text {1000 * (time.perf_counter() - spent):.0f} ms")
        store.close()


if __name__ == "__main__":
    main()

from studio.errors import EngineError
from studio.protocol import Done, Embed, Failed, Generate, Sampling
from studio.worker.durations import Durations


def test_a_title_does_not_tell_how_long_an_article_takes() -> None:
    title, article = (Generate("composer", (), Sampling(max_tokens=count)) for count in (24, 640))
    known = Durations()
    assert known.usual(title) is known.usual(article) is known.usual(Embed(())) is None
    known.add(title, Done("stop"), 0.5)
    for seconds in (30.0, 40.0, 90.0):
        known.add(article, Done("length"), seconds)
    known.add(title, Done("cancelled"), 0.1)
    known.add(title, Failed(EngineError("shutting_down")), 0.1)
    assert known.usual(title) == 0.5
    assert known.usual(Generate("composer", (), Sampling(max_tokens=700))) == 40.0
    assert known.usual(Embed(("a",))) is None

import pytest

from studio.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Write about tea", "en"),
        ("写一篇关于茶的文章", "zh"),
        ("用 GPS 和 OpenStreetMap 找到这条路", "zh"),
        ("The word for tea is 茶, said chá in most of the country.", "en"),
        ("Write about 茶马古道 in English", "en"),
        ("", "en"),
        ("12 + 3 = 15", "en"),
        ("𠮷野家", "zh"),
    ],
)
def test_the_language_most_of_a_text_is_in(text: str, language: str) -> None:
    assert language_of(text) == language

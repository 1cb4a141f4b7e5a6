import pickle
import re
from pathlib import Path

from studio.errors import InputError
from studio.messages import SENTENCES


def test_sentences_name_the_same_facts_in_both_languages() -> None:
    for key, (english, chinese) in SENTENCES.items():
        facts = [set(re.findall(r"\{(\w+)", text)) for text in (english, chinese)]
        assert facts[0] == facts[1], key
        assert re.search(r"[\u4e00-\u9fff]", chinese), key


def test_every_key_used_has_a_sentence() -> None:
    pattern = re.compile(r"(?:Error|Overflow|OutOfMemory|Died)\(\s*\"(\w+)\"")
    for file in Path(__file__).parent.parent.joinpath("studio").rglob("*.py"):
        for key in pattern.findall(file.read_text()):
            assert key in SENTENCES, f"{key} in {file}"


def test_every_sentence_is_used() -> None:
    studio = Path(__file__).parent.parent / "studio"
    code = "".join(f.read_text() for f in studio.rglob("*.py") if f.parent.name != "messages")
    named = {f"{role}_{end}" for role in ("composer", "viewer", "talk") for end in ("missing", "refused")}
    named |= {
        f"{kind}_missing" for kind in ("article", "conversation", "table", "persona", "prompt", "web_page")
    }  # as the code puts them together
    assert not [key for key in SENTENCES if f'"{key}"' not in code and key not in named]


def test_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(InputError("images_out_of_range", count=99, limit=15)))
    assert isinstance(error, InputError)
    assert "99" in str(error) and "99" in error.say("zh")

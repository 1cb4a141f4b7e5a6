from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import InputError, StudioError
from studio.settings import ENV_PREFIX, Settings, read

ROOT = Path(__file__).parents[1]


def test_given_beats_environment_beats_default() -> None:
    environ = {"STUDIO_PORT": "7000", "STUDIO_HOST": "0.0.0.0"}
    assert read({}, {}) == Settings()
    assert (read({}, environ).port, read({"port": 8000}, environ).port) == (7000, 8000)
    assert read({"host": None}, environ).host == "0.0.0.0"  # None is: not given


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"prot": 1}, "no setting called prot"),
        ({"port": "x"}, "whole number"),
        ({"port": 0}, "between 1 and 65535"),
        ({"models": "gpt4"}, "choose one of: auto, xcomposer2, starter"),
    ],
)
def test_what_cannot_be_set_is_told(given_: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(given_, {})


@given(st.dictionaries(st.sampled_from([ENV_PREFIX + f.name.upper() for f in fields(Settings)]), st.text()))
def test_any_environment_gives_settings_or_a_sentence(environ: dict[str, str]) -> None:
    try:
        assert 1 <= read({}, environ).port <= 65535
    except StudioError as e:
        assert e.say("en") and e.say("zh")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_has_every_setting_with_its_default(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    rows = {
        cells[0].strip(" `"): [cell.strip(" `") for cell in cells]
        for cells in (line.strip("| ").split(" | ") for line in lines if line.startswith("| `--"))
    }
    assert set(rows) == {"--" + f.name.replace("_", "-") for f in fields(Settings)}
    for f in fields(Settings):
        flag, variable, default, told = rows["--" + f.name.replace("_", "-")]
        assert (variable, default) == (ENV_PREFIX + f.name.upper(), str(f.default))
        if name == "README.md":
            assert told == f.metadata["help"]
        else:
            assert any("\u4e00" <= c <= "\u9fff" for c in told)

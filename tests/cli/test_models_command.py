"""`studio models` as a person meets it: what goes to stdout and stderr, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from golden import GOLDEN, architecture, llama, tensors, write
from safetensors.torch import load_file, save_file

from studio.checkpoints import machine
from studio.checkpoints.ladder import LADDER
from studio.checkpoints.machine import Gpu
from studio.cli.main import main


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Away from the person's own settings, data and caches."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("STUDIO_LANGUAGE", "STUDIO_DATA", "MODELSCOPE_CACHE", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


def run(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    try:
        main(["models", *map(str, arguments)])
        code = 0
    except SystemExit as e:
        code = int(e.code or 0)
    out, err = capfd.readouterr()
    return code, out, err


def test_list(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    here = tmp_path / ".xcomposer-studio" / "models" / "xcomposer2-vl-7b"
    here.mkdir(parents=True)
    (here / "config.json").write_text("{}")
    (here / "model.safetensors").touch()
    code, out, err = run(capfd, "list")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert rows["xcomposer2-vl-7b"].endswith(str(here)) and rows["xcomposer2-7b"].endswith("not here")
    assert "studio models download NAME" in out
    code, out, _ = run(capfd, "list", "--json")
    found = {row["name"]: row for row in json.loads(out)}
    assert set(found) == {
        "xcomposer2-7b", "xcomposer2-vl-7b", "xcomposer2.5-7b", "xcomposer2-vl-1.8b", "xcomposer2-4khd-7b",
        "xcomposer1-7b", "xcomposer1-vl-7b",
        "internlm2-chat-1.8b", "internlm2-chat-7b", "bajie-chat-mini", "huanhuan-chat-1.8b", "horowag-mini",
        *(model.name for model in LADDER),
    }  # fmt: skip
    assert found["xcomposer2-vl-7b"]["folder"] == str(here)
    assert found["internlm2-chat-1.8b"]["modelscope"] == "Shanghai_AI_Laboratory/internlm2-chat-1_8b"


def test_an_unknown_name_and_wrong_usage(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, "download", "gpt-5")
    assert (code, out) == (1, "") and "known are: xcomposer2-7b" in err
    assert run(capfd, "download")[0] == 2
    assert run(capfd, "download", "xcomposer2-7b", "--source", "nowhere")[0] == 2
    assert run(capfd, "check")[0] == 2
    code, out, err = run(capfd, "check", "folder", "--golden", "io.safetensors")
    assert (code, out) == (1, "") and "io.safetensors" in err


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    """A checkpoint and records of an oracle, made here: a transformers Llama of equal weights."""
    a = architecture(eyes=False)
    weights = tensors(a)
    folder = write(tmp_path / "a model 1.0", a, weights, "bin-sharded")
    ids = torch.randint(3, a.vocab, (1, 21), generator=torch.Generator().manual_seed(0))
    oracle = llama(a, weights)
    with torch.inference_mode():
        prompt = weights["model.tok_embeddings.weight"][ids]
        greedy = oracle.generate(
            inputs_embeds=prompt, max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0
        )
        records = {
            "text_ids": ids[0],
            "text_logits": oracle(ids).logits,
            "inputs_embeds": prompt,
            "im_mask": torch.zeros(1, 21, dtype=torch.long),
            "logits": oracle(ids).logits,
            "greedy": greedy[0, -8:],
        }
    save_file({name: t.contiguous() for name, t in records.items()}, tmp_path / "io.safetensors")
    return folder, tmp_path / "io.safetensors"


def test_check_agrees_with_an_oracle_made_here(capfd: pytest.CaptureFixture[str], own: tuple[Path, Path]) -> None:
    folder, golden = own
    code, out, _ = run(capfd, "check", folder, "--golden", golden, "--json")
    found = json.loads(out)
    assert code == 0 and found["ok"] and set(found["tensors"]) == {"text_logits", "logits"}
    assert found["ids"]["greedy"] == {"equal": True, "first_difference": None, "steps": 8}
    code, out, _ = run(capfd, "check", folder, "--golden", golden)
    assert code == 0 and "greedy: equal in all 8 steps" in out and "Agrees" in out


def test_check_without_records_asks_transformers(capfd: pytest.CaptureFixture[str], own: tuple[Path, Path]) -> None:
    code, out, _ = run(capfd, "check", own[0], "--json")
    found = json.loads(out)
    assert code == 0 and found["ok"] and 0 <= found["tensors"]["text_logits_of_llama"] < 1e-4


def test_check_says_where_it_does_not_agree(capfd: pytest.CaptureFixture[str], own: tuple[Path, Path]) -> None:
    folder, golden = own
    records = load_file(golden)
    records["greedy"][3] += 1
    save_file(records, golden)
    code, out, _ = run(capfd, "check", folder, "--golden", golden, "--json")
    assert code == 1 and json.loads(out)["ids"]["greedy"]["first_difference"] == 3
    code, out, _ = run(capfd, "check", folder, "--golden", golden)
    assert code == 1 and "greedy: differs at step 3" in out and "DOES NOT AGREE" in out


def test_check_agrees_with_the_original_code(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capfd, "check", GOLDEN, "--golden", GOLDEN / "io.safetensors", "--json")
    found = json.loads(out)
    assert code == 0 and found["ok"] and max(found["tensors"].values()) < 1e-4
    assert set(found["ids"]) == {"greedy", "greedy_penalty_1_3", "beam3"}


@pytest.mark.parametrize(
    ("memory", "cards", "sees", "writes", "quick"),
    [
        (1 << 29, [], None, None, None),
        (2 << 30, [], None, "qwen2.5-coder-1.5b", None),
        (6 << 30, [], "qwen3-vl-2b", "qwen3-4b", None),
        (17 << 30, [], "qwen3-vl-8b", "qwen3-14b", "qwen3-4b"),
        (6 << 30, [Gpu("card", 24 << 30, 24 << 30)], "qwen3-vl-30b-a3b", "qwen3-30b-a3b", None),
    ],
)
def test_suggest(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    memory: int,
    cards: list[Gpu],
    sees: str | None,
    writes: str | None,
    quick: str | None,
) -> None:
    monkeypatch.setattr(machine, "host_free", lambda: memory)
    monkeypatch.setattr(machine, "gpus", lambda: cards)
    code, out, _ = run(capfd, "suggest", "--json")
    found = json.loads(out)
    assert code == 0 and found["device"] == (cards[0].name if cards else "CPU")
    for name, model in (("sees", sees), ("writes", writes), ("quick", quick)):
        assert (found[name] and found[name]["name"]) == model
    code, out, _ = run(capfd, "suggest")
    assert code == 0
    assert f"studio models download {sees}" in out if sees else "sees pictures" not in out
    assert ("no room for more" in out) == (writes is None)


@pytest.mark.parametrize(("free", "flag"), [(40, ""), (23, " --quantize int8"), (12, None)])
def test_suggest_one_model_for_everything_where_it_fits(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, flag: str | None
) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: [Gpu("card", free << 30, free << 30)])
    assert ("studio models download xcomposer2.5-7b" in run(capfd, "suggest")[1]) == (flag is not None)
    folder = tmp_path / ".xcomposer-studio" / "models" / "xcomposer2.5-7b"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    found = json.loads(run(capfd, "suggest", "--json")[1])["xcomposer"]
    assert (found and found["command"]) == (None if flag is None else f"studio serve --models xcomposer2.5-7b{flag}")


def test_suggest_what_is_here_is_to_be_used(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "host_free", lambda: 2 << 30)
    monkeypatch.setattr(machine, "gpus", lambda: [])
    model = LADDER[1]
    folder = tmp_path / ".xcomposer-studio" / "models" / model.name
    folder.mkdir(parents=True)
    (folder / model.file).write_bytes(b"GGUF")
    assert f"studio serve --models {model.name}" in run(capfd, "suggest")[1]
    assert str(folder) in run(capfd, "list")[1]

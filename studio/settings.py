"""All settings in one table: the fields of `Settings`.

Each field has a default and a help text; from the field come the flag (`--repeat-penalty`), the environment variable
(`STUDIO_REPEAT_PENALTY`) and the row in the README, which a test compares. The result is frozen and passed down.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from studio.errors import InputError

ENV_PREFIX = "STUDIO_"


def _setting(default: Any, help: str, **limits: Any) -> Any:
    return field(default=default, metadata={"help": help, **limits})


@dataclass(frozen=True)
class Settings:
    """What the person who starts the studio decides."""

    host: str = _setting("127.0.0.1", "Address to listen on; another than 127.0.0.1 needs --login or --open yes")
    port: int = _setting(6006, "Port to listen on", low=1, high=65535)
    data: str = _setting("~/.xcomposer-studio", "Folder that keeps articles, conversations, pictures and models")
    models: str = _setting(
        "auto",
        "Which models run: xcomposer2, xcomposer2.5-7b (one model for everything) or another of studio models list, "
        "starter, a GGUF file or its folder, or "
        "auto: XComposer2 where a CUDA GPU and its files are found, else a downloaded GGUF model, else starter",
        choices=("auto", "xcomposer2", "starter"),
        names=True,
    )
    composer: str = _setting(
        "", "The model that writes: folder, name or hub id of XComposer2-7B, if not found by itself; none: no writing"
    )
    vl: str = _setting(
        "", "The model that sees: folder, name or hub id of XComposer2-VL-7B, if not found by itself; none: no chat"
    )
    talk: str = _setting(
        "",
        "The model that talks: folder, name or hub id of InternLM2-Chat, if not found by itself; none: no talk; "
        "without any, the model that sees or writes talks, too",
    )
    gguf: str = _setting("", "A GGUF file to run on llama.cpp instead of the starter model")
    mmproj: str = _setting("", "The mmproj GGUF that lets the --gguf model see pictures")
    quantize: str = _setting("none", "Weight-only quantisation of XComposer2: none or int8", choices=("none", "int8"))
    context: int = _setting(
        16384,
        "Tokens of context: at most what the model was made for (XComposer2: 32,768), less where memory is short",
        low=2048,
        high=1 << 20,
    )
    batch: int = _setting(
        8, "Calls that the models work on at once, GGUF models fewer; 1: one after another", low=1, high=64
    )
    deterministic: str = _setting(
        "no", "The same text whatever else runs, to the last bit: slower, keeps nothing it read", choices=("no", "yes")
    )
    swap: str = _setting(
        "auto",
        "Keep the idle one of two XComposer2 models in main memory: auto (where the GPU is too small), on, off",
        choices=("auto", "on", "off"),
    )
    random_weights: str = _setting(
        "",
        "Full-size models with random weights, to try a GPU without checkpoints: 7b (XComposer2), 2.5-7b "
        "(XComposer2.5), chat-7b, chat-1.8b (InternLM2-Chat)",
        choices=("", "7b", "2.5-7b", "chat-7b", "chat-1.8b"),
    )
    gpu_memory: int = _setting(
        0, "GB of the GPU's memory that the models may take, workspace included; 0: all that is free", low=0, high=1024
    )
    device: str = _setting("auto", "Device of the models: auto, cpu, cuda, cuda:1 …")
    threads: int = _setting(
        0,
        "CPU threads of the models; 0: as many as find a free core",
        low=0,
        high=1024,
    )
    arxiv: str = _setting("https://export.arxiv.org/api/query", "Where the arxiv tool searches; empty: it is off")
    mcp: str = _setting("", 'JSON file of MCP servers whose tools an agent may call: {"mcpServers": {name: …}}')
    login: str = _setting("", "File of users (made by studio users add); with it the page asks for a login")
    open: str = _setting(
        "no",
        "yes: listen beyond this machine without a login; whoever reaches the address can use it",
        choices=("no", "yes"),
    )
    allow_host: str = _setting(
        "", "Names under which the studio is reached, beside this machine's, separated by commas: studio.example.org"
    )
    root_path: str = _setting("", "Sub-path of a proxy below which the studio is reached: /studio")
    trusted_proxy: str = _setting(
        "127.0.0.1", "Addresses of proxies that are believed about the caller and TLS, separated by commas; empty: none"
    )
    log: str = _setting(
        "file",
        "Where the log goes, a JSON line a request: file (logs/studio.jsonl in the data folder), stderr, off",
        choices=("file", "stderr", "off"),
    )
    language: str = _setting(
        "auto", "Language of the command line's messages: auto, en, zh", choices=("auto", "en", "zh")
    )

    @property
    def folder(self) -> Path:
        """The data folder as an absolute path."""
        return Path(self.data).expanduser().absolute()


def read(given: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from what was given (by field name; None means not given), then the environment, then the defaults.

    Raises InputError for an unknown name or a value outside its limits.
    """
    values: dict[str, Any] = {}
    known = {f.name: f for f in fields(Settings)}
    for name in given or {}:
        if name not in known:
            raise InputError("setting_unknown", name=name)
    for name, f in known.items():
        value: Any = (given or {}).get(name)
        if value is None:
            value = environ.get(ENV_PREFIX + name.upper())
        if value is None:
            continue
        values[name] = _checked(name, value, f.default, f.metadata)
    return Settings(**values)


def _checked(name: str, value: Any, default: Any, limits: Mapping[str, Any]) -> Any:
    if isinstance(default, int):
        try:
            value = int(value)
        except ValueError as e:
            raise InputError("setting_no_number", name=name, value=value) from e
        if not limits["low"] <= value <= limits["high"]:
            raise InputError("number_out_of_range", name=name, value=value, low=limits["low"], high=limits["high"])
    if "choices" in limits and value not in limits["choices"] and not (limits.get("names") and _is_name(value)):
        known = ", ".join(c or "''" for c in limits["choices"])
        raise InputError("setting_not_offered", name=name, value=value, known=known)
    return value


def _is_name(value: object) -> bool:
    """Whether it may name a model or a place; which there are is looked up when they are planned."""
    return isinstance(value, str) and (any(c in value for c in "-./\\~") or Path(value).exists())


def assets() -> Path:
    """The folder `assets/`: inside the package when installed, beside it in a checkout."""
    inside = Path(__file__).parent / "assets"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "assets"

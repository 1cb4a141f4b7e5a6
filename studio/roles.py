"""What models are used for, a role an entry of `ROLES`; everything that goes over roles goes over this table.

A call names its role, and the engine runs the model that serves it. A checkpoint of XComposer2 is made for one role; a
GGUF model serves all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class ModelRole:
    """One role. `missing` and `refused` are keys of errors: no model is loaded for it; a folder's is made for another.
    `pixels` are the sides of the input images of XComposer2 models that were trained for it, that of the 7B model
    first; without any there are no random weights for it. `families` serve it beside those that name it themselves;
    with `any_family` every one does. `shares` are the roles whose model serves it where it has none of its own, the
    first that has one."""

    name: str
    setting: str  # the field of `Settings` that names its model; two roles may share one
    missing: str
    refused: str
    verb: str  # for the table of published models
    without: str  # what the doctor says where no model is found for it
    label: tuple[str, str]  # on the page, English and Chinese
    pixels: tuple[int, ...] = ()
    families: tuple[str, ...] = ()
    sees: bool = False  # its model must take pictures
    any_family: bool = False
    shares: tuple[str, ...] = ()


COMPOSER = ModelRole(
    name="composer",
    setting="composer",
    missing="composer_missing",
    refused="composer_refused",
    verb="writes",
    without="no writing: studio models download xcomposer2-7b",
    label=("Writes", "写作"),
    pixels=(224,),
)
VIEWER = ModelRole(
    name="viewer",
    setting="vl",
    missing="viewer_missing",
    refused="viewer_refused",
    verb="sees",
    without="no chat about pictures: studio models download xcomposer2-vl-7b",
    label=("Answers about pictures", "看图问答"),
    pixels=(490, 336),
    sees=True,
)
TALK = ModelRole(
    name="talk",
    setting="talk",
    missing="talk_missing",
    refused="talk_refused",
    verb="talks",
    without="no talk: studio models download internlm2-chat-1.8b",
    label=("Talks", "聊天"),
    any_family=True,
    shares=(VIEWER.name, COMPOSER.name),
)

ROLES: dict[str, ModelRole] = {role.name: role for role in (COMPOSER, VIEWER, TALK)}


def role_of(name: str) -> ModelRole:
    """The entry for a role's name; `talk:NAME` is talk by a persona's own model."""
    return ROLES[name.partition(":")[0]]


def with_shared(serving: Mapping[str, T]) -> dict[str, T]:
    """What serves each role, with those added that share another's."""
    missing = {r.name: r.shares for r in ROLES.values() if r.name not in serving}
    shared = {name: next((serving[s] for s in shares if s in serving), None) for name, shares in missing.items()}
    return {**serving, **{name: found for name, found in shared.items() if found is not None}}

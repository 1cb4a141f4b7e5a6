"""What models are used for, a role an entry of `ROLES`; everything that goes over roles goes over this table.

A call names its role, and the engine runs the model that serves it. A checkpoint of XComposer2 is made for one role; a
GGUF model serves all of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelRole:
    """One role. `missing` and `refused` are keys of errors: no model is loaded for it; a folder's is made for another.
    `pixels` are the sides of the input images of XComposer2 models that were trained for it, that of the 7B model
    first; without any there are no random weights for it. `families` serve it beside those that name it themselves."""

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

ROLES: dict[str, ModelRole] = {role.name: role for role in (COMPOSER, VIEWER)}

"""From a spec to a loaded engine, inside the worker: only here do the model libraries come in."""

from __future__ import annotations

from studio.engine.base import AuxiliaryModels, Engine
from studio.engine.serial import SerialEngine
from studio.specs import EngineSpec, GgufSpec, NativeSpec, ScriptedSpec


def build_engine(spec: EngineSpec) -> Engine:
    """The engine that `spec` describes, loaded and ready. Raises ModelError with the reason."""
    match spec:
        case GgufSpec():
            from studio.engine.gguf import GgufEngine

            return SerialEngine(GgufEngine(spec), spec.batch)
        case NativeSpec():
            from studio.engine.native.engine import load

            return load(spec)
        case ScriptedSpec():
            from studio.engine.scripted import ScriptedEngine

            return SerialEngine(ScriptedEngine(spec), spec.batch)


def build_auxiliary(spec: EngineSpec) -> AuxiliaryModels:
    """The auxiliary models beside it. They load themselves at first use."""
    if isinstance(spec, ScriptedSpec):
        from studio.engine.scripted import ScriptedAuxiliaryModels

        return ScriptedAuxiliaryModels(spec)
    from studio.auxiliary.auxiliary_models import LocalAuxiliaryModels

    return LocalAuxiliaryModels(spec.threads)


def build(spec: EngineSpec) -> tuple[Engine, AuxiliaryModels]:
    """Both."""
    return build_engine(spec), build_auxiliary(spec)

"""From a spec to a loaded engine, inside the worker: only here do the model libraries come in."""

from __future__ import annotations

from studio.engine.base import Engine, Senses
from studio.engine.serial import Serial
from studio.specs import EngineSpec, GgufSpec, NativeSpec, ScriptedSpec


def build(spec: EngineSpec) -> tuple[Engine, Senses]:
    """The engine and the senses that `spec` describes, loaded and ready. Raises ModelError with the reason."""
    match spec:
        case GgufSpec():
            from studio.auxiliary.auxiliary_models import StarterSenses
            from studio.engine.gguf import GgufEngine

            return Serial(GgufEngine(spec)), StarterSenses(spec.threads)
        case NativeSpec():
            from studio.auxiliary.auxiliary_models import StarterSenses
            from studio.engine.native.engine import load

            return load(spec), StarterSenses(spec.threads)
        case ScriptedSpec():
            from studio.engine.scripted import ScriptedEngine, ScriptedSenses

            return Serial(ScriptedEngine(spec), spec.batch), ScriptedSenses(spec)

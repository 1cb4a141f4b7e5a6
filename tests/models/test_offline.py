"""Nothing calls out: loading and running every kind of model opens no connection but llama.cpp's own on loopback."""

from __future__ import annotations

import subprocess
import sys

import pytest

WATCH = """
import os, sys
def watch(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "localhost", None):
        print("looked up", arguments[0])
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        print("connected", arguments[1])
sys.addaudithook(watch)
"""
NATIVE = """
from studio.engine.build import build
from studio.specs import NativeSpec
engine, senses = build(NativeSpec(random_weights="tiny", device="cpu"))
import io
from PIL import Image as Pictures
from studio.protocol import Image
file = io.BytesIO()
Pictures.new("RGB", (40, 30), "red").save(file, "PNG")
senses.describe(Image("k", file.getvalue()))
senses.embed(("a red picture",))
"""
PAGE = """
from studio.cli import ask
from studio.cli import doctor
from studio.cli import library
from studio.cli import models
from studio.cli import write
from studio.settings import Settings
doctor.format_report(doctor.report(Settings())), models.format_table(models.table(Settings()))
"""


def calls(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", WATCH + script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_watch_sees_a_connection() -> None:
    assert "connected" in calls(
        "import socket\ntry: socket.create_connection(('192.0.2.1', 9), 0.01)\nexcept OSError: pass"
    )


@pytest.mark.slow
@pytest.mark.real
def test_models_and_senses_call_nobody() -> None:
    assert calls(NATIVE) == ""


def test_commands_that_load_no_model_call_nobody() -> None:
    assert calls(PAGE) == ""

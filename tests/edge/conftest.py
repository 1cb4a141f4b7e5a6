"""The fixtures of `edge_server`, whose name is nobody else's: tests import from it."""

from edge_server import edge, start

__all__ = ["edge", "start"]

"""The fixtures of `edge_server`."""

from edge.edge_server import edge, start

__all__ = ["edge", "start"]

"""The Gradio page."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""The page's own styles, scripts and logo."""

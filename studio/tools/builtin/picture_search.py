"""Pictures of the studio's library, found by words or by meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.tools.registry import FixedTools, SimpleTool, ToolContext, ToolResult, ToolSource

MOST = 6


class PicturesTool(SimpleTool):
    """See the module."""

    name = "library"
    words = ("Picture library", "图库")
    description = (
        "Find pictures in the picture library and show them to the person.",
        "在图库中查找图片并展示给用户。",
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "What the pictures should show / 图片内容"},
            "count": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "How many / 数量"},
        },
        "required": ["query"],
    }

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Raises StudioError where the library cannot be searched."""
        query = str(arguments["query"]).strip()[:500]
        found = context.find_pictures(query, int(arguments.get("count", 3))) if query else []
        if not found:
            return ToolResult("No picture in the library fits.")
        lines = [f"{number}. {picture.caption}" for number, picture in enumerate(found, 1)]
        return ToolResult("These pictures are shown:\n" + "\n".join(lines), pictures=tuple(f.picture for f in found))


TOOLS = ToolSource(30, lambda settings: FixedTools(PicturesTool()))

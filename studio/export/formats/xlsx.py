"""Excel sheets."""

from studio.export import spreadsheet, table_files
from studio.export.registry import Format

FORMAT = Format(
    "xlsx",
    ("Excel", "Excel 表格"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    rank=20,
    article=spreadsheet.article_sheet,
    conversation=spreadsheet.conversation_sheet,
    table=lambda table, read_picture, about: table_files.sheet(table, read_picture),
)

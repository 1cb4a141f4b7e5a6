"""CSV of a table."""

from studio.export import table_files
from studio.export.registry import Format

FORMAT = Format(
    "csv",
    ("CSV, text only", "CSV（仅文字）"),
    "text/csv; charset=utf-8",
    rank=70,
    short=("CSV", "CSV"),
    table=lambda table, read_picture, about: table_files.csv_file(table),
)

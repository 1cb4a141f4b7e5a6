"""One HTML file with the pictures inside."""

from studio.export.html_document import article_page
from studio.export.registry import Format

FORMAT = Format("html", ("Web page", "网页"), "text/html; charset=utf-8", rank=30, article=article_page)

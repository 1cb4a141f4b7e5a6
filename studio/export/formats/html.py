"""One HTML file with the pictures inside."""

from studio.export.registry import Format
from studio.export.web_page import article_page

FORMAT = Format("html", ("Web page", "网页"), "text/html; charset=utf-8", rank=30, article=article_page)

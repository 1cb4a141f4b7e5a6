"""The Content-Security-Policies: what a browser may do with the page, and with everything else that is served.

Where the page's is wide, and why:
- 'unsafe-eval': Gradio compiles `js_on_load` and `js=` of its components with `new Function`.
- style-src 'unsafe-inline': Svelte and Gradio set styles in elements. A style cannot run anything, and images and fonts
  of other hosts are refused.
- frame-src 'self': the web pages that a model made, which come with `frame_policy`. The guard refuses to show anything
  else to a page that is in a sandbox, since what such a page asks for comes from another origin.
Inline scripts run by a nonce that is new with every page.
"""

from __future__ import annotations

from studio.documents.html_page import page_policy


def document_policy(nonce: str) -> str:
    """For the page."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; connect-src 'self';"
        " manifest-src 'self'; worker-src 'none'; frame-src 'self'; object-src 'none'; base-uri 'self';"
        " form-action 'self'; frame-ancestors 'self'"
    )


def file_policy() -> str:
    """For pictures, scripts, data: nothing in them may load or run anything, should a browser show one as a page."""
    return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"


def frame_policy(scripts: bool) -> str:
    """For a web page that a model made, in a frame or opened by itself: an origin of its own, which reaches nothing."""
    return f"{page_policy(scripts)}; frame-ancestors 'self'; sandbox{' allow-scripts' * scripts}"


FRAME_POLICIES = frozenset({frame_policy(False), frame_policy(True)})

"""The Content-Security-Policies: what a browser may do with the page, and with everything else that is served.

Where the page's is wide, and why:
- 'unsafe-eval': Gradio compiles `js_on_load` and `js=` of its components with `new Function`.
- style-src 'unsafe-inline': Svelte and Gradio set styles in elements. A style cannot run anything, and images and fonts
  of other hosts are refused.
Inline scripts run by a nonce that is new with every page.
"""

from __future__ import annotations


def document_policy(nonce: str) -> str:
    """For the page."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; connect-src 'self';"
        " manifest-src 'self'; worker-src 'none'; frame-src 'none'; object-src 'none'; base-uri 'self';"
        " form-action 'self'; frame-ancestors 'self'"
    )


def file_policy() -> str:
    """For pictures, scripts, data: nothing in them may load or run anything, should a browser show one as a page."""
    return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

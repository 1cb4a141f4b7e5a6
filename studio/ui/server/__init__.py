"""The page's server, from the outside in: every request passes each of these.

listen      the socket, and how long a client may take to say what it wants
request_log a line and a metric for every request
guard       host, origin, identity; the headers of every answer
routes      what Gradio does not bring: pictures, downloads, uploads (receiving)
gate        which of Gradio's routes there are, and what of a call reaches it
page        the tabs themselves
"""

from studio.ui.server.application import application
from studio.ui.server.listen import serve

__all__ = ["application", "serve"]

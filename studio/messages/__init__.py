"""Every sentence of an error, in English and Chinese side by side. `{facts}` are filled in by the error.

A sentence says the cause and what to do next. A test holds that both languages name the same facts, and that every
sentence is used.
"""

from studio.messages import (
    input_errors,
    manuscript_errors,
    model_errors,
    request_errors,
    setup_errors,
    talk_errors,
    tool_errors,
    web_page_errors,
)

SENTENCES = {
    **input_errors.SENTENCES,
    **manuscript_errors.SENTENCES,
    **model_errors.SENTENCES,
    **request_errors.SENTENCES,
    **setup_errors.SENTENCES,
    **talk_errors.SENTENCES,
    **tool_errors.SENTENCES,
    **web_page_errors.SENTENCES,
}

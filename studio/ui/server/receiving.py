"""Taking uploads in: a form with files, written to the disk as it comes, in the place of its owner.

This stands in front of Gradio's own upload, which names files by their content alone and knows no owner, no end of
patience and no full disk. Its answer is the same: the paths.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from gradio.routes import file_upload_statuses
from python_multipart.exceptions import FileError, FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.requests import ClientDisconnect

from studio.documents.file_names import safe_name
from studio.errors import InputError, StorageError
from studio.storage.database import storage_errors
from studio.ui.identity import identity_of
from studio.ui.server.guard import refusal
from studio.ui.server.limits import Limits, Refused, read_chunks
from studio.ui.uploads import MAX_UPLOAD, Uploads

_MAX_FILES = 1000  # in one form, as Gradio's page sends them
_PROGRESS_KEPT = 60.0  # seconds in which a page can still ask how an upload ended


class Receiver:
    """The route /gradio_api/upload."""

    def __init__(self, uploads: Uploads, limits: Limits) -> None:
        self._uploads, self._limits = uploads, limits
        self._under_way: Counter[str] = Counter()

    async def receive(self, request: Request) -> Response:
        """The paths of the files of a form, in its order."""
        person = identity_of(request)
        try:
            with self._place(person):
                return JSONResponse(await self._take_in(request, person))
        except ClientDisconnect:
            return Response(status_code=400)
        except Refused as e:
            return refusal(e, request)
        except InputError as e:
            return refusal(Refused(400, e), request)
        except StorageError as e:
            return refusal(Refused(507 if e.key == "disk_full" else 503, e), request)

    @contextmanager
    def _place(self, person: str) -> Iterator[None]:
        """One of the uploads that may be under way at once."""
        if self._under_way[person] >= self._limits.uploads_each or self._under_way.total() >= self._limits.uploads:
            raise Refused(429, InputError("uploads_too_many", count=self._under_way.total()))
        self._under_way[person] += 1
        try:
            yield
        finally:
            self._under_way[person] -= 1
            if not self._under_way[person]:
                del self._under_way[person]

    async def _take_in(self, request: Request, person: str) -> list[str]:
        folder = self._uploads.incoming / secrets.token_urlsafe(24)
        progress = request.query_params.get("upload_id", "")[:64]
        try:
            self._uploads.make(folder)
            form = _Form(request.headers.get("content-type", ""), folder)
            async for chunk in read_chunks(request.receive, self._limits, self._limits.upload):
                if progress:
                    file_upload_statuses.append(progress, form.name, chunk)
                await asyncio.to_thread(form.write, chunk)
            return await asyncio.to_thread(self._keep, form, person)
        finally:
            if progress:
                file_upload_statuses.set_done(progress)
                asyncio.get_running_loop().call_later(_PROGRESS_KEPT, file_upload_statuses.stop_tracking, progress)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _keep(self, form: _Form, person: str) -> list[str]:
        paths = []
        for name, file in form.finish():
            path = self._uploads.new(person, name, "uploads")
            with storage_errors(path):
                os.replace(file, path)
            paths.append(str(path))
        return paths


class _Form:
    """A form as it is read: each of its files in a folder of its own."""

    def __init__(self, content_type: str, folder: Path) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise InputError("upload_broken")
        self._files: list[tuple[str, Path]] = []
        self._ended = False
        self._folder = folder
        self.name = ""
        self._parser = FormParser(
            "multipart/form-data",
            self._field,
            self._file,
            self._end,
            boundary=options[b"boundary"],
            config={
                "MAX_FIELDS": 100,
                "MAX_FIELD_SIZE": 1 << 16,
                "MAX_MEMORY_FILE_SIZE": 0,
                "UPLOAD_DIR": str(folder),
                "UPLOAD_DELETE_TMP": False,
            },
        )

    def write(self, chunk: bytes) -> None:
        """More of the form. Raises InputError and StorageError."""
        try:
            with storage_errors(self._folder):
                try:
                    self._parser.write(chunk)
                except FileError as e:  # has lost the number of the system's error
                    raise e.__context__ or e from None
        except FormParserError as e:
            raise InputError("upload_broken") from e

    def finish(self) -> list[tuple[str, Path]]:
        """Names and places of the files. Raises InputError for a form without an end."""
        if not self._ended:
            raise InputError("upload_broken")
        return self._files

    def _file(self, file: File) -> None:
        if file.in_memory:  # an empty one
            file.flush_to_disk()
        file.close()
        if file.size > MAX_UPLOAD:
            raise Refused(413, InputError("body_too_large", limit=MAX_UPLOAD >> 20))
        if file.field_name == b"files" and file.actual_file_name:
            if len(self._files) >= _MAX_FILES:
                raise Refused(413, InputError("too_many_files", limit=_MAX_FILES))
            self.name = safe_name((file.file_name or b"").decode("utf-8", "replace"))
            self._files.append((self.name, Path(os.fsdecode(file.actual_file_name))))

    def _field(self, field: Field) -> None:
        """Forms of Gradio's clients have none that matter."""

    def _end(self) -> None:
        self._ended = True

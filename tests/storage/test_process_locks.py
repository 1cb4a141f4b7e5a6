"""One page a data folder, and the command line beside it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.synchronize
import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from studio.errors import StorageError
from studio.storage.process_locks import FolderLock, Liveness
from studio.storage.store import Store


def _serve(folder: Path, ready: multiprocessing.synchronize.Event) -> None:
    lock = FolderLock(folder, "http://127.0.0.1:6006")
    ready.set()
    signal.pause()
    del lock


def test_the_second_page_says_where_the_first_is_and_a_kill_frees_the_place(folder: Path) -> None:
    fork = multiprocessing.get_context("fork")
    ready = fork.Event()
    first = fork.Process(target=_serve, args=(folder, ready), daemon=True)
    first.start()
    assert ready.wait(30)
    with pytest.raises(StorageError) as caught:
        FolderLock(folder, "http://127.0.0.1:7007")
    assert caught.value.key == "folder_in_use" and "http://127.0.0.1:6006" in str(caught.value)
    with closing(Store(folder)) as beside:  # the command line
        assert beside.list_articles("cli") == []
    os.kill(first.pid or 0, signal.SIGKILL)
    first.join()
    with FolderLock(folder, "http://127.0.0.1:7007"):
        assert (folder / "serving").read_text() == "http://127.0.0.1:7007"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        FolderLock(tmp_path / "file", "")
    assert caught.value.key == "data_unwritable"


def test_a_sign_of_life_is_given_again_where_the_folder_was_put_back(folder: Path) -> None:
    with closing(Liveness(folder, 4)) as one, closing(Liveness(folder, 4)) as other:
        for sign in folder.iterdir():
            sign.unlink()
        assert not other.is_alive(one.name)
        one.renew()
        assert other.is_alive(one.name) and one.is_alive(one.name)

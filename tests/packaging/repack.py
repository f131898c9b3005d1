"""Wheels of what is installed here, so that a test can install the same without any index."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

_LEFT_OUT = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"}


def needed(requirements: Iterable[str], known: Iterable[str] = ()) -> set[str]:
    """The installed distributions that requirements lead to, however deep; none that is `known`."""
    left = [Requirement(text) for text in requirements]
    seen: set[tuple[str, str]] = set()
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        new = {(name, extra) for extra in ("", *requirement.extras)} - seen
        if name not in known:
            seen |= new
            for _, extra in new:
                left += _required(distribution(name).requires or (), extra)
    return {name for name, _ in seen}


def _required(texts: Iterable[str], extra: str) -> Iterator[Requirement]:
    """What holds here of a distribution's requirements, without or with an extra."""
    for text in texts:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": extra}):
            yield requirement


def repack(name: str, folder: Path) -> Path:
    """Make a wheel of an installed distribution, from the files that its record lists."""
    found = distribution(name)
    stem = f"{found.name.replace('-', '_')}-{found.version}"
    wheel = folder / f"{stem}-{_tags(found)}.whl"
    record = []
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in _contents(found, stem):
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            record.append(f"{path},sha256={digest},{len(data)}\n")
            info = zipfile.ZipInfo(path)  # the same bytes whenever it is made
            info.external_attr = 0o755 << 16
            archive.writestr(info, data)
        (own,) = (str(path) for path in found.files or () if path.name == "RECORD")
        archive.writestr(zipfile.ZipInfo(own), "".join([*record, f"{own},,\n"]))
    return wheel


def _contents(found: Distribution, stem: str) -> Iterator[tuple[str, bytes]]:
    """Each file by its path in the wheel. What an installer makes by itself is left out."""
    commands = {entry.name for entry in found.entry_points if entry.group == "console_scripts"}
    for path in found.files or ():
        installed = path.name in _LEFT_OUT and path.parent.name.endswith(".dist-info")
        if installed or path.suffix == ".pyc":
            continue
        if path.parts[0] != "..":
            yield path.as_posix(), path.read_binary()
        elif path.parent.name == "bin" and path.name not in commands:
            yield f"{stem}.data/scripts/{path.name}", path.read_binary()


def _tags(found: Distribution) -> str:
    """The tags of the wheel that it was installed from, as a file name has them."""
    lines = (found.read_text("WHEEL") or "").splitlines()
    texts = [line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")]
    tags = [tag for text in texts for tag in parse_tag(text)]
    columns = zip(*((tag.interpreter, tag.abi, tag.platform) for tag in tags), strict=True)
    return "-".join(".".join(sorted(set(column))) for column in columns)

"""Check the wheels and sdists in a folder: metadata, licence, nothing in a wheel but its packages.

Usage: python tools/check_dist.py dist
"""

import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from packaging.metadata import Metadata
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from trove_classifiers import classifiers as known_classifiers

MORE_PACKAGES = {"geowatch-core": ("geowatchutil",)}
"""What a distribution brings beside the package of its own name: the names of 2015."""
EXPECTED = (
    "summary",
    "description",
    "description_content_type",
    "license_expression",
    "requires_python",
)


def check_metadata(raw: bytes, name: str, version: str) -> list[str]:
    """Return what is wrong with a distribution's core metadata (unless `validate` raises first)."""
    metadata = Metadata.from_email(raw, validate=True)
    unknown = set(metadata.classifiers or ()) - known_classifiers
    problems = [f"unknown classifier {c!r}" for c in sorted(unknown)]
    if (metadata.name, str(metadata.version)) != (name, version):
        problems.append(f"metadata is of {metadata.name} {metadata.version}")
    return problems + [f"metadata has no {f}" for f in EXPECTED if not getattr(metadata, f)]


def check_files(names: list[str], read: Callable[[str], bytes], required: list[str]) -> list[str]:
    """Return which required files are missing, and whether the licence is its text."""
    problems = [f"{path} is missing" for path in required if path not in names]
    return problems + [
        f"{path} is not the text of the licence"  # but, say, where a symbolic link pointed to
        for path in required
        if path.endswith("LICENSE") and path in names and b"Redistribution" not in read(path)
    ]


def check_wheel(path: Path) -> list[str]:
    """Return what is wrong with a wheel."""
    name, version, _, _ = parse_wheel_filename(path.name)
    package = name.replace("-", "_")
    info = f"{package}-{version}.dist-info"
    with zipfile.ZipFile(path) as wheel:
        names = [n for n in wheel.namelist() if not n.endswith("/")]
        packages = [package, *MORE_PACKAGES.get(name, ())]
        required = [*(f"{each}/py.typed" for each in packages), f"{info}/licenses/LICENSE"]
        problems = check_files(names, wheel.read, required)
        problems += [
            f"holds {n}"
            for n in names
            if n.split("/")[0] not in (*packages, info) or _is_left_over(n)
        ]
        return problems + check_metadata(wheel.read(f"{info}/METADATA"), name, str(version))


def _is_left_over(name: str) -> bool:
    """Whether a file is what a tool left behind, such as a cache."""
    return any(part.startswith(".") or part == "__pycache__" for part in name.split("/"))


def check_sdist(path: Path) -> list[str]:
    """Return what is wrong with a source distribution."""
    name, version = parse_sdist_filename(path.name)
    top = path.name.removesuffix(".tar.gz")
    with tarfile.open(path) as sdist:

        def read(member: str) -> bytes:
            file = sdist.extractfile(member)
            return file.read() if file else b""

        required = [f"{top}/LICENSE", f"{top}/README.md", f"{top}/pyproject.toml"]
        problems = check_files(sdist.getnames(), read, required)
        problems += [f"holds {name}" for name in sdist.getnames() if _is_left_over(name)]
        return problems + check_metadata(read(f"{top}/PKG-INFO"), name, str(version))


def main(folder: Path) -> int:
    """Check every distribution in the folder, print one line for each, and return the exit code."""
    wheels, sdists = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    if not wheels or len(wheels) != len(sdists):
        print(f"{folder}: {len(wheels)} wheels, {len(sdists)} sdists; expected as many of each")
        return 1
    failed = False
    for path in [*wheels, *sdists]:
        problems = check_wheel(path) if path.suffix == ".whl" else check_sdist(path)
        failed = failed or bool(problems)
        print(f"{path.name}: {'; '.join(problems) or 'ok'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

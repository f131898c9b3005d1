"""Fuzzes a codec with atheris, in a process of its own: it never returns to the one it runs in."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path as Folder
from typing import Any, Final

__all__ = ["available", "run"]

_RUNS: Final = int(os.environ.get("GEOWATCH_FUZZ_RUNS", "200000"))
_LONGEST: Final = 1_200.0


def available() -> bool:
    """Whether atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def run(codec: str | Mapping[str, Any], seeds: Sequence[bytes]) -> str | None:
    """Decode, unpack and read what a fuzzer comes up with; what it found wrong, or None."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Folder(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(seeds):
            (corpus / f"{number}").write_bytes(seed)
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-m", "geowatch_core.testing.fuzz", json.dumps(codec), corpus],
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    return None if done.returncode == 0 else (done.stdout + done.stderr)[-4_000:]


def main(text: str, corpus: str) -> None:
    """Fuzz until the runs are used up or something is found; never returns."""
    import atheris  # type: ignore[import-untyped]  # whoever fuzzes installs it

    from geowatch_core.errors import CodecError

    with atheris.instrument_imports():
        from geowatch_core.path import Path
        from geowatch_core.provision import make_codec

        codec = make_codec(json.loads(text))
    readers = [codec.reader([]), codec.reader([Path.parse("properties.mag"), Path.parse("0")])]

    def one(data: bytes) -> None:
        with contextlib.suppress(CodecError):
            codec.encode(codec.decode(data))
        with contextlib.suppress(CodecError):
            list(codec.unpack(data))
        for read in readers:
            read([data])

    atheris.Setup([sys.argv[0], f"-runs={_RUNS}", "-timeout=10", corpus], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])

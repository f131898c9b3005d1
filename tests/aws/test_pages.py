"""What the documentation says of AWS is run as it stands, but for where the services are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geowatch_core.role import Role
from tests.docs.test_pages import ROOT, blocks, run
from tools.aws_server import KEYS

PAGES = [ROOT / "docs" / "backends" / f"{name}.md" for name in ("kinesis", "s3", "sns", "sqs")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_the_page_runs_and_prints_what_the_page_says(
    moto_url: str, raw: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    """Each block runs after those above it, and a text block below is what it printed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", KEYS["aws_region"])
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        monkeypatch.setenv(name.upper(), KEYS[name])
    raw("s3").create_bucket(Bucket="tilejet")
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = None
    for language, source, line in blocks(page):
        if language == "python":
            printed = run(source, f"{page.name}:{line}", namespace)
        elif language == "text" and printed is not None:
            assert printed == source, f"{page.name}:{line}"
            printed = None
    for role in (value for value in namespace.values() if isinstance(value, Role)):
        role.close()

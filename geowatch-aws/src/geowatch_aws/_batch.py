"""Answers to batches: SQS and SNS say of each entry whether it was taken, behind an HTTP 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geowatch_aws._errors import Refusal, refused
from geowatch_core.errors import RetryableError
from geowatch_core.outcome import CONFIRMED, Confirmed

__all__ = ["answered"]


def answered(
    answer: Mapping[str, Any], count: int, doing: str, what: str
) -> list[Confirmed | Refusal]:
    """What became of each of `count` entries, whose ``Id`` is their number.

    Confirmed is only what the answer lists as successful.

    Args:
        answer: of the service, with ``Successful`` and ``Failed``.
        count: how many entries were sent.
        doing: what was tried.
        what: with which queue or topic.
    """
    taken = answer.get("Successful") or ()
    if len(taken) == count and not answer.get("Failed"):
        return [CONFIRMED] * count
    silent = RetryableError(
        f"Cannot {doing}: the service did not say what became of an entry",
        got=what,
        fix="Nothing: it is sent again.",
    )
    outcomes: list[Confirmed | Refusal] = [silent] * count
    for entry in taken:
        outcomes[int(entry["Id"])] = CONFIRMED
    for entry in answer.get("Failed") or ():
        outcomes[int(entry["Id"])] = refused(
            str(entry.get("Code", "")),
            str(entry.get("Message", "")),
            doing,
            what,
            later=not entry.get("SenderFault", False),
        )
    return outcomes

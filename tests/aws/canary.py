"""What the harnesses of AWS give to every role: secrets that nobody must ever see."""

from typing import Any, Final

SECRETS: Final = {
    "aws_secret_access_key": "canary-4b07c2-secret",
    "aws_session_token": "canary-91d5ee-token",
}


def given_to(url: str) -> dict[str, Any]:
    """The options that lead to a server on loopback, which takes any credentials."""
    return {
        "endpoint_url": url,
        "aws_region": "us-east-1",
        "aws_access_key_id": "canary-no-secret",
        "timeout": 30,  # a busy machine is not a broken service
        **SECRETS,
    }

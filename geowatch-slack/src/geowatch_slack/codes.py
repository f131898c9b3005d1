"""What Slack's error codes mean for a message: can trying again help, and what else can.

From the reference of the methods chat.postMessage, conversations.history, conversations.list,
conversations.create and auth.test, and from "Incoming webhooks: handling errors", all on
https://docs.slack.dev.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["LATER", "NEVER", "TOO_LARGE"]

_AGAIN = "It is tried again by itself; see https://slack-status.com if it lasts."
_CREDENTIAL = "Give the bot token (xoxb-…) of an installed app, and see that it is in use."
_SCOPE = "Add the scope to the app at https://api.slack.com/apps and install it again."
_CHANNEL = (
    "Name a channel of this workspace, best by its id; of a private one the bot must be a member."
)
_POLICY = "Ask an administrator of the workspace to let the app post there."
_WEBHOOK = "Make a new webhook at https://api.slack.com/apps and give its URL."
_BLOCKS = "Try the blocks at https://app.slack.com/block-kit-builder with the values of a message."

LATER: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(
        (
            "ratelimited",
            "rate_limited",
            "internal_error",
            "fatal_error",
            "service_unavailable",
            "request_timeout",
            "team_added_to_org",
            "org_login_required",
            "rollup_error",
            "message_limit_exceeded",
            "timeout",
        ),
        _AGAIN,
    )
)
"""What passes, and what to do."""

TOO_LARGE: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(
        ("msg_too_long", "msg_blocks_too_long", "metadata_too_large", "too_many_attachments"),
        "Show less of a message: a shorter template, or fewer blocks.",
    )
)
"""What is larger than Slack takes, and what to do."""

NEVER: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "invalid_auth",
                "not_authed",
                "account_inactive",
                "token_revoked",
                "token_expired",
                "not_allowed_token_type",
                "invalid_token",
            ),
            _CREDENTIAL,
        ),
        **dict.fromkeys(("missing_scope", "no_permission", "access_denied"), _SCOPE),
        **dict.fromkeys(("channel_not_found", "user_not_found"), _CHANNEL),
        "not_in_channel": "Invite the bot to the channel: /invite @its-name. Or set topic_check.",
        "is_archived": "Unarchive the channel, or name another.",
        "channel_is_archived": "Unarchive the channel, or name another.",
        "name_taken": "Another channel, perhaps an archived one, has the name: choose another.",
        **dict.fromkeys(
            (
                "restricted_action",
                "restricted_action_read_only_channel",
                "restricted_action_thread_only_channel",
                "restricted_action_non_threadable_channel",
                "restricted_action_thread_locked",
                "posting_to_general_channel_denied",
                "action_prohibited",
                "ekm_access_denied",
                "team_access_not_granted",
                "accesslimited",
                "enterprise_is_restricted",
            ),
            _POLICY,
        ),
        **dict.fromkeys(("no_service", "no_service_id", "no_team", "no_active_hooks"), _WEBHOOK),
        "no_text": "Give the codec a template with something to see in it.",
        "missing_text_or_fallback_or_attachments": "Give the codec a template with some text.",
        **dict.fromkeys(("invalid_blocks", "invalid_blocks_format"), _BLOCKS),
        "invalid_payload": "A bug, or a block unknown to Slack: try it in Block Kit Builder.",
        "invalid_name_specials": "Use lowercase letters, digits, hyphens and underscores.",
    }
)
"""What will not pass by itself, and what to do."""

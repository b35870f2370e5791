"""Which API's conventions a request expects: OpenAI's, or Anthropic's."""

from __future__ import annotations

from enum import StrEnum


class ApiFamily(StrEnum):
    """Whose shape errors have, and the answers of routes that both APIs have."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


#: Routes of one API alone, by the beginning of their paths.
_BY_PREFIX: tuple[tuple[str, ApiFamily], ...] = (("/v1/messages/", ApiFamily.ANTHROPIC),)
#: A route of both. Every request of Anthropic's SDKs has the header.
_OF_BOTH = "/v1/models/"
ANTHROPIC_VERSION = "anthropic-version"


def api_family(path: str, anthropic_version: str | None) -> ApiFamily:
    """The family of a request; anthropic_version: the header's value, if there is one."""
    path = f"{path}/"
    if path.startswith(_OF_BOTH) and anthropic_version is not None:
        return ApiFamily.ANTHROPIC
    matches = (family for prefix, family in _BY_PREFIX if path.startswith(prefix))
    return next(matches, ApiFamily.OPENAI)

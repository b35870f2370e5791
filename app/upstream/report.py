"""What `python wsgi.py --check --upstream URL` says of the upstream."""

from __future__ import annotations

import asyncio

from app.checkpoint.errors import StartupError
from app.engine.errors import UpstreamError
from app.upstream.connection import UpstreamAddress
from app.upstream.probe import Probe
from app.upstream.server_kind import ServerKind
from app.upstream.upstream_model import UpstreamModel


def upstream_report(address: UpstreamAddress) -> str:
    """One line per item, its name first. Raises StartupError: the upstream is not ready."""
    try:
        model = asyncio.run(_look(address))
    except UpstreamError as error:
        raise StartupError(f"--upstream {address.url}: {error}") from None
    context = f"{model.max_model_len} tokens" if model.max_model_len else "unknown"
    lines = [
        ("upstream", address.url),
        ("server", f"{model.kind.name} {model.version}".rstrip()),
        ("models", ", ".join((*model.names, *model.aliases))),
        ("context", context),
        ("not supported", _lacking(model.kind)),
    ]
    return "\n".join(f"{name:15}{text}" for name, text in lines)


async def _look(address: UpstreamAddress) -> UpstreamModel:
    async with address.client() as client:
        return await Probe(client, address).look(None)


def _lacking(kind: ServerKind) -> str:
    """The fields that are refused."""
    return ", ".join(sorted(kind.lacking)) or "no field"

"""vLLM's own OpenAI-compatible server as a Ray Serve application: replicas behind one address.

    PYTHONPATH=$PWD/deploy/ray serve run deploy/ray/serve.yaml

Then http://localhost:8000/v1 is an upstream for our server, or for any client. One replica is one
vLLM with all its routes. Ray Serve sends each request to the less busy of two replicas, replaces
one that dies, and places them where there are cores or GPUs, on all machines of a Ray cluster. A
model that needs several GPUs or machines for one replica is not for this file, but for
`vllm serve` on Ray (docs/scaling.md).
"""

from __future__ import annotations

import asyncio
import os
import shlex
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel, ConfigDict
from ray import serve
from ray.serve import Application


class Arguments(BaseModel):
    """`args` in serve.yaml."""

    model_config = ConfigDict(extra="forbid")

    model: str  #: a directory that every node sees, or a name on the Hugging Face Hub
    replicas: int = 2
    cpus: float = 1  #: of one replica
    gpus: float = 0  #: of one replica
    flags: str = ""  #: further ones of `vllm serve`, such as "--max-model-len 4096"


@serve.ingress()
class VLLM:
    """One replica: vLLM's engine, in a process of its own, and vLLM's routes."""

    async def __init__(self, arguments: Arguments) -> None:
        """Load the model; Ray Serve sends requests when this has returned."""
        # Ray counts cores and pins nothing: left alone, every replica would bind to the same ones.
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        from vllm.entrypoints.launchers.api_server.app_state import init_app_state
        from vllm.entrypoints.launchers.api_server.entry import build_async_engine_client
        from vllm.entrypoints.launchers.app import build_app
        from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
        from vllm.utils.argparse_utils import FlexibleArgumentParser

        parser = make_arg_parser(FlexibleArgumentParser())
        given = parser.parse_args(["--model", arguments.model, *shlex.split(arguments.flags)])
        validate_parsed_serve_args(given)
        self._open = AsyncExitStack()
        self._engine = await self._open.enter_async_context(build_async_engine_client(given))
        tasks = await self._engine.get_supported_tasks()
        self._routes = build_app(given, tasks, self._engine.model_config)
        await init_app_state(self._engine, self._routes.state, given, tasks)
        # What vLLM's error handlers tell to exit; here _exit_with_engine does.
        self._routes.state.server = SimpleNamespace(should_exit=False)
        self._watch = asyncio.create_task(self._exit_with_engine())

    def __serve_build_asgi_app__(self) -> Any:
        """Ray Serve asks for the routes after `__init__`."""
        return self._routes

    async def _exit_with_engine(self) -> None:
        """End this replica, as vLLM's server does, once its engine's process has died: Ray Serve
        sends nothing more to it, and starts another."""
        while not self._engine.errored:
            await asyncio.sleep(0.5)
        await asyncio.sleep(1)  # its requests get vLLM's error first
        os._exit(1)

    async def __del__(self) -> None:
        """Stop the engine's process when Ray Serve stops this replica."""
        self._watch.cancel()
        await self._open.aclose()


def build(given: dict[str, Any]) -> Application:
    """The application: all replicas of one model. given: as `Arguments`; Ray Serve reads only a
    type that is no string, which all are in this file."""
    arguments = Arguments.model_validate(given)
    options = {"num_cpus": arguments.cpus, "num_gpus": arguments.gpus}
    deployment = serve.deployment(
        VLLM,
        num_replicas=arguments.replicas,
        ray_actor_options=options,
        # vLLM batches and queues by itself.
        max_ongoing_requests=256,
        graceful_shutdown_timeout_s=30,
    )
    return deployment.bind(arguments)

"""The worker's lifecycle: start the engine, drain it, exit when it fails."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from app.server.arbiter_hooks import restart_delay_s
from app.server.log import EXIT_NO_RESTART, announce
from app.server.startup import one_line

if TYPE_CHECKING:
    from flask import Flask

    from app.engine.model_info import ModelInfo
    from app.server.worker import HardenedWorker
    from config import Config

#: Between the engine's failure and the exit: time to send errors to all clients, and for probes
#: to see /ready fail.
EXIT_DELAY_S = 2.0
#: After that, what responses that have begun may still take: an exit would cut them short.
LAST_RESPONSES_S = 2.0


class StartedEngine(Protocol):
    """An engine of this process, or one over an upstream."""

    def start(
        self,
        on_ready: Callable[[ModelInfo], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        """Start it. on_ready: called once it can answer; on_failure: called once it cannot go
        on."""

    def drain(self, grace_s: float) -> None:
        """Refuse new requests; fail those that still run after `grace_s` seconds."""


def serve(config: Config, worker: HardenedWorker, engine: StartedEngine, app: Flask) -> None:
    """Start `engine`, which `app` serves. Its failure ends the worker."""
    failure_code = EXIT_NO_RESTART  # until the model is ready: a restart would fail the same way

    def on_ready(info: ModelInfo) -> None:
        nonlocal failure_code
        failure_code = 1  # gunicorn restarts the worker
        # Exclude the loaded objects from later collections, which stop all threads.
        gc.collect()
        gc.freeze()
        address = ", ".join(str(listener) for listener in worker.sockets) + config.BASE_PATH
        address = address.replace("//0.0.0.0:", "//localhost:").replace("//[::]:", "//localhost:")
        name = app.extensions["text_engine"].served.model_name
        announce(f"ready: {address} {name}: {info.description}", config.LOG_FORMAT)

    def on_failure(error: BaseException) -> None:
        announce(f"westlake: {one_line(error)}", config.LOG_FORMAT)
        if failure_code != EXIT_NO_RESTART:
            time.sleep(EXIT_DELAY_S)
            worker.running_requests.close(LAST_RESPONSES_S)
        os._exit(failure_code)  # an exception would only end the engine's thread

    def start() -> None:
        engine.start(on_ready=on_ready, on_failure=on_failure)

    worker.on_drain = engine.drain
    worker.set_trusted_proxies(config.TRUSTED_PROXIES)
    if delay_s := restart_delay_s():
        announce(
            f"westlake: the worker exited repeatedly; loading in {delay_s:g} s", config.LOG_FORMAT
        )
        timer = threading.Timer(delay_s, start)
        timer.daemon = True
        timer.start()
    else:
        start()

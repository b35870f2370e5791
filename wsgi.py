"""The server's two entry points: `python wsgi.py --flags`, and `gunicorn wsgi:app`.

The only module with side effects at import, and those only in gunicorn's worker.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from flask import Flask

    from app.checkpoint.gguf.gguf_file import GgufFile
    from app.checkpoint.vocabulary import VocabSize
    from app.server.lifecycle import StartedEngine
    from config import Config

ROOT = Path(__file__).resolve().parent


def main(arguments: Sequence[str]) -> NoReturn:
    """Run gunicorn with the settings of the command line."""
    from app.server import startup
    from app.server.arguments import convert_paths, parse_arguments, wants_check
    from app.server.gunicorn_application import GunicornApplication
    from app.server.gunicorn_environment import gunicorn_environment

    paths = startup.exit_on_error(lambda: convert_paths(arguments))
    if paths is not None:
        startup.exit_on_error(lambda: _convert(*paths))
        raise SystemExit(0)
    environ = os.environ | startup.exit_on_error(lambda: parse_arguments(arguments))
    config = startup.read_settings(environ)
    if wants_check(arguments):
        startup.exit_on_error(lambda: startup.run_check(config))
        raise SystemExit(0)
    startup.exit_on_error(lambda: startup.check_concurrency(environ))
    startup.exit_on_error(lambda: startup.check_settings(config))  # names files as they are given
    os.environ.update(gunicorn_environment(environ, config))  # before the directory changes
    GunicornApplication(ROOT).run()
    raise SystemExit(0)


def _convert(source: Path, target: Path) -> None:
    from app.model.loading.convert import convert

    for path in convert(source, target):
        sys.stdout.write(f"wrote {path}\n")


def load() -> Flask:
    """Create this worker's application and start its engine: it answers 503 while the model
    loads. On an error, print one line and end the worker and gunicorn."""
    from app.checkpoint.errors import StartupError
    from app.server import worker
    from app.server.lifecycle import serve
    from app.server.log import EXIT_NO_RESTART
    from app.server.startup import exit_with_error
    from config import Config

    try:
        if worker.current is None:
            raise StartupError(
                "wsgi:app runs in one gunicorn worker with the settings of gunicorn.conf.py: "
                "start it in the folder of both, without --preload; or use python wsgi.py"
            )
        config = Config.from_env(os.environ)
        engine, app = _of_upstream(config) if config.UPSTREAM else _of_this_process(config)
        serve(config, worker.current, engine, app)
        return app
    except Exception as error:
        exit_with_error(error, EXIT_NO_RESTART)


def _of_upstream(config: Config) -> tuple[StartedEngine, Flask]:
    from app import create_app_over
    from app.generation.served_model import served_model
    from app.upstream.build import build_upstream_engine
    from app.upstream.text_engine import UpstreamTextEngine

    engine = build_upstream_engine(config)
    return engine, create_app_over(config, engine, UpstreamTextEngine(engine, served_model(config)))


def _of_this_process(config: Config) -> tuple[StartedEngine, Flask]:
    from app import create_app
    from app.checkpoint.hardware.cpu_features import check_cpu_features

    check_cpu_features()  # on a CPU too old for numpy, importing it would kill the process
    # Imports make objects that stay: looking through them for garbage takes a third of a second.
    # `app.build.load` enables it again.
    gc.disable()
    from app.build import build_engine
    from app.checkpoint.check import check_model
    from app.tokenizer.tokenizer import load_tokenizer
    from app.tokenizer.vocab_size import get_vocab_size

    tokenizers = []

    def vocab_size(source: Path | GgufFile) -> VocabSize:
        tokenizers.append(load_tokenizer(source))
        return get_vocab_size(tokenizers[0])

    checked = check_model(config, vocab_size)
    engine = build_engine(config, checked, tokenizers[0])
    return engine, create_app(config, engine)


if __name__ == "__main__":
    main(sys.argv[1:])
else:
    app = load()

"""Maps a model's packed weights from the cache, or packs them and writes them there.

Nothing of the cache can stop a start: a file that is damaged is written again, and without a file
the weights are packed as if there were no cache.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from app.checkpoint.config import ModelConfig
from app.model.loading.progress import Report
from app.model.weight_cache.directory import CacheDir
from app.model.weight_cache.tensor_file import DamagedFileError, map_tensors, write_tensors
from app.model.weight_cache.weight_tensors import tensors_of, weights_of
from app.model.weights import Weights

log = logging.getLogger(__name__)


def cached_weights(
    directory: Path, key: str, model: ModelConfig, build: Callable[[], Weights], report: Report
) -> Weights:
    """The weights from the file of `key` in `directory`, or what `build` returns, which is then
    written there. model: as before the weights are loaded."""
    cache = CacheDir(directory)
    weights = _mapped(cache, key, model, report)
    if weights is None:
        weights = build()
        _write(cache, key, weights)
    return weights


def _mapped(cache: CacheDir, key: str, model: ModelConfig, report: Report) -> Weights | None:
    began, path = time.perf_counter(), cache.find(key)
    if path is None:
        return None
    try:
        weights = weights_of(model, *map_tensors(path, report))
    except DamagedFileError as error:
        log.warning("%s is damaged (%s): the weights are packed again", path, error)
        return None
    except OSError as error:
        log.warning("%s cannot be read (%s): the weights are packed again", path, error)
        return None
    seconds = time.perf_counter() - began
    log.info("mapped %.2f GB of packed weights from %s in %.1f s", _gb(weights), path, seconds)
    return weights


def _write(cache: CacheDir, key: str, weights: Weights) -> None:
    began = time.perf_counter()
    try:
        with cache.new_file(key, weights.nbytes) as path:
            write_tensors(path, *tensors_of(weights))
    except OSError as error:
        reason = error.strerror or error
        log.warning("--cache_dir %s keeps no packed weights: %s", cache.path, reason)
        return
    seconds = time.perf_counter() - began
    log.info("wrote %.2f GB of packed weights to %s in %.1f s", _gb(weights), cache.path, seconds)


def _gb(weights: Weights) -> float:
    return weights.nbytes / 1e9

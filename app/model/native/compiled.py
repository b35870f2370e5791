"""How this room's functions are compiled: once per machine, kept on disk, without the GIL.

Knows nothing about what they compute. Sums may be re-ordered (a row's order is always its own);
not-a-number stays what it is.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import cfunc, config, njit, types

log = logging.getLogger(__name__)

#: More than all kernels take together.
_ROOM_BYTES = 16 << 20
_FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}


def _folder() -> str:
    """Where machine code is kept: in NUMBA_CACHE_DIR, beside this file, or in the user's cache,
    whichever can be written first; "" if none can. Each state of this room's sources has a
    folder of its own, because numba looks only at the file of the function itself, not at those
    of the functions that were compiled into it."""
    here = Path(__file__).parent
    sources = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")))
    name = f"westlake-{hashlib.sha256(sources).hexdigest()[:16]}"
    home = os.environ.get("HOME")
    of_user = os.environ.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    for place in filter(None, (config.CACHE_DIR, here / "__pycache__", of_user)):
        folder = Path(place, name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as trial:  # a full disk would stop the start
                trial.write(bytes(_ROOM_BYTES))
            return str(folder)
        except OSError as error:
            log.debug("not in %s: %s", place, error)
    log.warning("compiled kernels cannot be kept: set NUMBA_CACHE_DIR to a writable folder")
    return ""


config.CACHE_DIR = _folder()
_OPTIONS: dict[str, Any] = {
    "cache": bool(config.CACHE_DIR),
    "fastmath": _FAST,
    "boundscheck": False,
    "error_model": "numpy",
}

#: A function called by kernels.
inner = njit(nogil=True, **_OPTIONS)
#: kernel(job, counter, thread): the job's address, the address of the counter that its items are
#: taken from, and the number of the calling thread.
kernel: Callable[[Any], Any] = cfunc(types.void(types.int64, types.int64, types.int64), **_OPTIONS)
#: main(program), run by every thread of a team.
main: Callable[[Any], Any] = cfunc(types.void(types.int64), **_OPTIONS)

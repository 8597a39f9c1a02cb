"""Denormal numbers flushed to zero in the calling thread, and only for as long as training needs it.

Adam's moments decay into denormals, which are slow, so ganx trains with onnxruntime's `session.set_denormal_as_zero`.
That option reaches the threads of a session. The calling thread, which works too, it reaches only with the first
session of a process, and then for good: numpy would compute another way ever after. So that thread is set here.
"""

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FLUSH_TO_ZERO = 1 << 15
_DENORMALS_ARE_ZERO = 1 << 6
_CONTROL = 7
"""Place of MXCSR in the C library's `fenv_t`, in words of 32 bits."""


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Within it denormals are zero; afterwards all is as before. Linux on x86-64; elsewhere it does nothing."""
    if not (sys.platform == "linux" and platform.machine() == "x86_64"):
        yield
        return
    library = ctypes.CDLL(None)
    before, within = (ctypes.c_uint32 * 8)(), (ctypes.c_uint32 * 8)()
    library.fegetenv(before)
    library.fegetenv(within)
    within[_CONTROL] |= _FLUSH_TO_ZERO | _DENORMALS_ARE_ZERO
    library.fesetenv(within)
    try:
        yield
    finally:
        library.fesetenv(before)

"""Makes ``import torchaudio`` work beside a CPU build of torch.

The torchaudio wheels of the package index are built for CUDA. Beside a CPU torch their extension
fails to load with ``OSError``, and then the speech classes of transformers and s3prl, which import
torchaudio when it is installed, fail too. Only ``forced_align`` and ``rnnt_loss`` need that
extension; with a stub in its place everything else works. Where torchaudio imports as it is,
nothing is patched.

Call :func:`ensure_torchaudio` before importing torchaudio, transformers or s3prl.
"""

import importlib
import sys
from types import ModuleType

_EXTENSION = "torchaudio._extension"


def ensure_torchaudio() -> ModuleType:
    """Import torchaudio, with a stub for its compiled extension where that cannot be loaded.

    Returns:
        The imported ``torchaudio`` module.

    Raises:
        ImportError: torchaudio is not installed.
    """
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        for name in [n for n in sys.modules if n == "torchaudio" or n.startswith("torchaudio.")]:
            del sys.modules[name]
        sys.modules[_EXTENSION] = _stub_extension()
        return importlib.import_module("torchaudio")


def is_cured() -> bool:
    """Whether the stub stands in for torchaudio's compiled extension."""
    return getattr(sys.modules.get(_EXTENSION), "_paralbench_stub", False)


def _stub_extension() -> ModuleType:
    stub = ModuleType(_EXTENSION)

    def fail(*_args, **_kwargs):
        raise RuntimeError(
            "this torchaudio has no compiled extension for the installed torch: "
            "forced_align and rnnt_loss are not available"
        )

    def unchanged(function):
        return function

    def fail_if_no_align(_function):
        return fail

    stub.__dict__.update(
        _paralbench_stub=True,
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _IS_RIR_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=fail_if_no_align,
        fail_if_no_rir=unchanged,
    )
    return stub

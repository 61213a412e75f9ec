"""Makes ``import torchaudio`` work beside a CPU build of torch.

The torchaudio wheels of the package index are built for CUDA. Beside a CPU torch their extension
fails to load with ``OSError``, and then the speech classes of transformers and s3prl, which import
torchaudio when it is installed, fail too. Only ``forced_align``, ``rnnt_loss`` and the CUDA CTC
decoder need that extension; with a stub in its place everything else works. Where torchaudio
imports as it is, nothing is patched.

Call :func:`ensure_torchaudio` before importing torchaudio, transformers or s3prl.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

_EXTENSION = "torchaudio._extension"


def ensure_torchaudio() -> ModuleType:
    """Import torchaudio, with a stub for its compiled extension where that cannot be loaded.

    Returns:
        The imported ``torchaudio`` module.

    Raises:
        ImportError: torchaudio is not installed, or cannot be imported even with the stub.
    """
    try:
        return importlib.import_module("torchaudio")
    except OSError as error:
        cause = error
    _forget()
    stub = sys.modules[_EXTENSION] = _stub_extension()
    try:
        torchaudio = importlib.import_module("torchaudio")
    except (OSError, AttributeError, ImportError) as error:
        _forget()
        raise ImportError(
            f"torchaudio does not fit the installed torch ({cause}), nor does it work without its "
            f"compiled extension ({error}); install the torchaudio built for this torch."
        ) from error
    torchaudio._extension = stub  # type: ignore[attr-defined]  # as a real import would set it
    return torchaudio


def is_cured() -> bool:
    """Whether the stub stands in for torchaudio's compiled extension."""
    return getattr(sys.modules.get(_EXTENSION), "_paralbench_stub", False)


def _forget() -> None:
    """Remove what a failed import leaves behind."""
    for name in [n for n in sys.modules if n == "torchaudio" or n.startswith("torchaudio.")]:
        del sys.modules[name]


def _stub_extension() -> ModuleType:
    """What ``torchaudio/_extension/__init__.py`` defines where no extension was built."""
    stub = ModuleType(_EXTENSION, "Stands in for an extension that cannot be loaded.")

    def fail_if_no_align(function):
        def fail(*_args, **_kwargs):
            raise RuntimeError(
                f"{function.__name__} needs torchaudio's compiled extension, and the installed "
                "torchaudio was built for another torch."
            )

        return fail

    stub.__dict__.update(
        __spec__=ModuleSpec(_EXTENSION, loader=None),
        _paralbench_stub=True,
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        _load_lib=lambda _library: False,
        fail_if_no_align=fail_if_no_align,
    )
    return stub

"""The cure: it mends what is broken, and leaves alone what is whole."""

import ast
import importlib.util
from pathlib import Path

import pytest

from paralbench.torchaudio_cure import _stub_extension

BROKEN = "raise OSError('Could not load this library: /x/_torchaudio.abi3.so')\n"
WHOLE = "_IS_TORCHAUDIO_EXT_AVAILABLE = True\n"
PACKAGE = """
from . import _extension
from torchaudio import functional
__version__ = "fake"
"""
FUNCTIONAL = """
from torchaudio._extension import _IS_TORCHAUDIO_EXT_AVAILABLE, fail_if_no_align
@fail_if_no_align
def forced_align(): ...
"""


@pytest.fixture
def fake(tmp_path, run_python):
    """Run code where ``torchaudio`` is a package with this extension; returns what it prints."""

    def run(extension: str, code: str, functional: str = FUNCTIONAL) -> str:
        folder = tmp_path / "site" / "torchaudio"
        (folder / "_extension").mkdir(parents=True)
        (folder / "__init__.py").write_text(PACKAGE)
        (folder / "functional.py").write_text(functional)
        (folder / "_extension" / "__init__.py").write_text(extension)
        code = "from paralbench.torchaudio_cure import ensure_torchaudio, is_cured\n" + code
        return run_python(code, env={"PYTHONPATH": str(folder.parent)}).stdout

    return run


def test_a_broken_extension_is_replaced(fake):
    printed = fake(
        BROKEN,
        """
torchaudio = ensure_torchaudio()
assert torchaudio.__version__ == "fake" and is_cured()
assert torchaudio._extension._IS_TORCHAUDIO_EXT_AVAILABLE is False
import torchaudio as again, torchaudio.functional
assert again is torchaudio is ensure_torchaudio()
try:
    torchaudio.functional.forced_align()
except RuntimeError as error:
    print(error)
""",
    )
    assert printed.startswith("forced_align needs torchaudio's compiled extension")


def test_a_whole_torchaudio_is_not_touched(fake):
    fake(
        WHOLE + "def fail_if_no_align(function): return function\n",
        """
import sys
before = set(sys.modules)
torchaudio = ensure_torchaudio()
assert not is_cured()
assert torchaudio._extension is sys.modules["torchaudio._extension"]
assert torchaudio._extension.__file__.endswith("__init__.py")
added = {name for name in set(sys.modules) - before if name.startswith("torchaudio")}
assert added == {"torchaudio", "torchaudio._extension", "torchaudio.functional"}, added
""",
    )


def test_one_that_is_loaded_already_is_not_loaded_again(fake):
    fake(
        WHOLE + "def fail_if_no_align(function): return function\n",
        """
import sys, torchaudio
modules = dict(sys.modules)
assert ensure_torchaudio() is torchaudio
assert all(sys.modules[name] is module for name, module in modules.items())
""",
    )


@pytest.mark.parametrize(
    "functional",
    [
        "from torchaudio._extension import lazy_import_sox_ext",
        "import torchaudio._extension as e; e.lazy_import_ffmpeg_ext()",
        "raise OSError('another library')",
    ],
)
def test_what_no_stub_can_mend_is_said_and_left_clean(fake, functional):
    printed = fake(
        BROKEN,
        """
import sys
try:
    ensure_torchaudio()
except ImportError as error:
    print(error)
assert not is_cured()
assert not [name for name in sys.modules if name.startswith("torchaudio")]
""",
        functional,
    )
    assert "install the torchaudio built for this torch" in printed
    assert "_torchaudio.abi3.so" in printed


def test_without_torchaudio_it_is_an_import_error(run_python):
    run_python(
        """
import sys
from paralbench.torchaudio_cure import ensure_torchaudio, is_cured
sys.modules["torchaudio"] = None  # as if it were not installed
try:
    ensure_torchaudio()
except ImportError as error:
    assert error.name == "torchaudio", error.name
else:
    raise AssertionError("no error")
assert not is_cured() and "torchaudio._extension" not in sys.modules
"""
    )


def test_the_installed_torchaudio_and_transformers_work(run_python):
    """What we need of torchaudio beside whatever torch this is, against plain formulas."""
    run_python(
        """
import warnings
warnings.simplefilter("error")
from paralbench.torchaudio_cure import ensure_torchaudio, is_cured
torchaudio = ensure_torchaudio()
import torch
from torchaudio.compliance import kaldi
time = torch.arange(16000) / 16000
tone = torch.sin(2 * torch.pi * 1000 * time)[None]

bank = kaldi.fbank(tone, sample_frequency=16000, num_mel_bins=80, dither=0.0)
assert bank.shape == (98, 80)  # 1 + (16000 - 400) // 160 frames
mel = lambda hertz: 1127 * torch.log1p(torch.as_tensor(hertz / 700))
place = (mel(1000.0) - mel(20.0)) / (mel(8000.0) - mel(20.0)) * 81 - 1
assert abs(bank.mean(0).argmax() - place) <= 1

half = torchaudio.functional.resample(tone, 16000, 8000)
expected = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / 8000)
assert (half[0, 100:-100] - expected[100:-100]).abs().max() < 1e-2

spectrogram = torchaudio.transforms.MelSpectrogram(16000, n_fft=400, n_mels=40)(tone)
assert spectrogram.shape == (1, 40, 81)

low = torchaudio.functional.lowpass_biquad(tone, 16000, 100.0)
assert low[0, 8000:].abs().max() < 0.02

from transformers import Wav2Vec2Config, Wav2Vec2Model
config = Wav2Vec2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
    intermediate_size=16, conv_dim=(8,) * 7, num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=2)
model = Wav2Vec2Model(config).eval()
with torch.no_grad():
    assert model(tone).last_hidden_state.shape == (1, 49, 16)
if is_cured():
    try:
        torchaudio.functional.forced_align(
            torch.zeros(1, 4, 3), torch.ones(1, 1, dtype=torch.int32))
    except RuntimeError as error:
        assert "forced_align needs" in str(error)
    else:
        raise AssertionError("forced_align ran without its extension")
"""
    )


def test_the_stub_has_what_the_installed_torchaudio_uses():
    spec = importlib.util.find_spec("torchaudio")  # found, not imported
    assert spec
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    used = set()
    for file in folder.rglob("*.py"):
        if "_extension" in file.relative_to(folder).parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "torchaudio._extension":
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in (
                "_extension",
                "torchaudio._extension",
            ):
                used.add(node.attr)
    assert used >= {"_IS_TORCHAUDIO_EXT_AVAILABLE", "fail_if_no_align"}
    defined = ast.parse((folder / "_extension" / "__init__.py").read_text(encoding="utf-8"))
    names = {
        target.id
        for node in defined.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    exported = names - {"_LG", "__all__"}
    missing = (used | exported) - set(vars(_stub_extension()))
    assert not missing

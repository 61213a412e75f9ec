import pytest
import torch

from paralbench.errors import ParalbenchError
from paralbench.features.arithmetic import arithmetic

BACKENDS = torch.backends


def settings():
    """What torch would compute with."""
    found = [torch.get_num_threads(), BACKENDS.cudnn.deterministic, BACKENDS.cudnn.benchmark]
    for read in (torch.get_float32_matmul_precision, lambda: BACKENDS.cudnn.allow_tf32):
        try:
            found.append(read())
        except RuntimeError:  # set through the newer settings only
            found.append("unreadable")
    for owner in (BACKENDS.cuda.matmul, getattr(BACKENDS.cudnn, "conv", None)):
        found.append(getattr(owner, "fp32_precision", None))
    return found


@pytest.fixture(autouse=True)
def _restore():
    with torch.backends.cudnn.flags():
        yield
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_products_are_exact_inside_and_the_user_s_settings_return(precision):
    torch.set_float32_matmul_precision(precision)
    before = settings()
    with arithmetic(threads=2):
        assert torch.get_num_threads() == 2
        assert torch.is_inference_mode_enabled()
        assert torch.get_float32_matmul_precision() == "highest"
        assert BACKENDS.cudnn.allow_tf32 is False
        assert BACKENDS.cudnn.deterministic is True
    assert settings() == before
    assert not torch.is_inference_mode_enabled()


def test_reduced_products_are_allowed_where_the_precision_says_so():
    before = settings()
    with arithmetic(threads=1, precision="fp32-reduced"):
        assert torch.get_float32_matmul_precision() == "medium"
        assert BACKENDS.cudnn.allow_tf32 is True
        for owner in (BACKENDS.cuda.matmul, getattr(BACKENDS.cudnn, "conv", None)):
            assert getattr(owner, "fp32_precision", "tf32") == "tf32"
        mkldnn = getattr(BACKENDS.mkldnn, "matmul", None)
        assert getattr(mkldnn, "fp32_precision", "bf16") == "bf16"
        with arithmetic(threads=1):
            assert torch.get_float32_matmul_precision() == "highest"
            assert BACKENDS.cudnn.allow_tf32 is False
    assert settings() == before


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_other_precisions_allow_none(precision):
    with arithmetic(threads=1, precision=precision):
        assert torch.get_float32_matmul_precision() == "highest"
        assert BACKENDS.cudnn.allow_tf32 is False


def test_an_unknown_precision_is_refused():
    with (
        pytest.raises(ParalbenchError, match=r"'fp8'.*fp32, bf16, fp16, fp32-reduced"),
        arithmetic(1, "fp8"),
    ):
        pass


def test_settings_return_after_an_error():
    torch.set_float32_matmul_precision("medium")
    before = settings()
    with pytest.raises(ValueError, match="inside"), arithmetic(threads=1):
        raise ValueError("inside")
    assert settings() == before


def test_a_user_of_the_newer_settings_is_served_too(run_python):
    """Mixed settings cannot be read the old way; in a process of its own, as they are sticky."""
    code = """
import torch
from paralbench.features.arithmetic import arithmetic
matmul = torch.backends.cuda.matmul
if hasattr(matmul, "fp32_precision"):
    matmul.fp32_precision = "tf32"
    with arithmetic(1):
        assert matmul.fp32_precision == "ieee"
    assert matmul.fp32_precision == "tf32"
"""
    run_python(code)

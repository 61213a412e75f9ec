import hashlib
import json
import subprocess
import sys

import pytest

from paralbench.errors import StoreError
from paralbench.features.keys import canonical, encoder_key, space_description

DESCRIPTION = {"family": "whisper", "version": 2, "options": {"unpadded": True, "scale": 0.5}}


def test_the_key_is_the_sha256_of_sorted_compact_json():
    text = '{"family":"whisper","options":{"scale":0.5,"unpadded":true},"version":2}'
    assert canonical(DESCRIPTION) == text
    assert encoder_key(DESCRIPTION) == hashlib.sha256(text.encode()).hexdigest()


def test_a_description_read_back_from_json_has_the_same_key():
    description = {**DESCRIPTION, "name": "głos", "window": 30.0, "list": (1, None, "a")}
    assert encoder_key(json.loads(json.dumps(description))) == encoder_key(description)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 3},
        {"options": {"unpadded": False, "scale": 0.5}},
        {"options": {"unpadded": True, "scale": 0.5000001}},
        {"variant": "plain"},
        {"version": "2"},
    ],
)
def test_any_change_gives_another_key(change):
    assert encoder_key({**DESCRIPTION, **change}) != encoder_key(DESCRIPTION)


@pytest.mark.parametrize("value", [float("nan"), b"bytes", {1: "a"}, {"a", "b"}, object()])
def test_what_has_no_canonical_form_is_refused_by_name(value):
    with pytest.raises(StoreError, match=r"description\.options\.strange\[1\]"):
        encoder_key({"options": {"strange": [0, value]}})


def test_the_space_adds_what_extraction_decides():
    fp32 = space_description(DESCRIPTION, precision="fp32")
    assert {**fp32, **DESCRIPTION} == fp32
    assert fp32["precision"] == "fp32"
    assert fp32["sample_rate"] == 16_000
    assert space_description(fp32, precision="fp32") == fp32
    assert encoder_key(fp32) != encoder_key(space_description(DESCRIPTION, precision="bf16"))


def test_a_contradicting_precision_is_refused():
    with pytest.raises(StoreError, match="states precision 'bf16', but 'fp32'"):
        space_description({"precision": "bf16"}, precision="fp32")
    with pytest.raises(StoreError, match="fp32, bf16, fp16"):
        space_description({}, precision="fp8")


def test_importing_keys_and_store_imports_no_torch():
    code = (
        "import sys, paralbench.features.keys, paralbench.features.store, "
        "paralbench.features.extract; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

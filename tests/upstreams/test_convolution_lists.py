"""Lists of convolutions in fairseq's configurations."""

import pytest

from paralbench.errors import WeightsError
from paralbench.upstreams.convolution_lists import convolutions, rendered


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("[(512, 10, 5), (512, 8, 4)]", [[512, 10, 5], [512, 8, 4]]),
        ("[(512,10,5)] + [(512, 4, 2)] * 3", [[512, 10, 5]] + [[512, 4, 2]] * 3),
        (" [ ( 8 , 2 , 1 ) , ]+[(4, 3, 1)]*1 ", [[8, 2, 1], [4, 3, 1]]),
    ],
)
def test_lists_of_convolutions(text, layers):
    assert convolutions(text, "here") == layers


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[(1, 2)]",
        "[(1, 2, 0)]",
        "[(99999999, 2, 3)]",
        "[(1, 2, 3)] *",
        "[(1, 2, 3)] * 10**9",
        "[(1, 2, 3)] * 999999999",
        "[(1, 2, 3)] * " + "9" * 5000,
        "[(1, 2, 3)][(1, 2, 3)]",
        "[(1, 2, 3)] +",
        "[(1, 2, 3)] + f()",
    ],
)
def test_what_is_no_list_of_convolutions(text):
    with pytest.raises(WeightsError, match="no list of convolutions"):
        convolutions(text, "here")


def test_what_is_written_out_is_read_again():
    layers = [[8, 2, 1], [4, 3, 1]]
    assert rendered(layers) == "[(8, 2, 1), (4, 3, 1)]"
    assert convolutions(rendered(layers), "here") == layers

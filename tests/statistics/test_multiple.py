import numpy as np

from paralbench.statistics.multiple import holm


def test_holm_by_hand():
    """The example of Holm's step-down: 4, 3, 2, 1 times the sorted p-values, never falling."""
    found = holm([0.04, 0.01, 0.03, 0.005])
    assert np.allclose(found, [0.06, 0.03, 0.06, 0.02])


def test_holm_never_exceeds_one_and_keeps_single_p_values():
    assert holm([0.5, 0.6, 0.9]).tolist() == [1.0, 1.0, 1.0]
    assert holm([0.2]).tolist() == [0.2]
    assert holm([]).tolist() == []


def test_holm_rejects_what_the_step_down_procedure_rejects():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.beta(0.3, 2, 12)
        expected = np.zeros(12, dtype=bool)
        for step, index in enumerate(np.argsort(p)):
            if p[index] > 0.05 / (12 - step):
                break
            expected[index] = True
        assert ((holm(p) <= 0.05) == expected).all()

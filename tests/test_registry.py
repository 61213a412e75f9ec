"""Names without imports; what other packages add; what is refused."""

import sys

import pytest

from paralbench.errors import ParalbenchError, UnknownNameError
from paralbench.registry import Registry


@pytest.fixture
def registry() -> Registry:
    return Registry("drawing", "paralbench.drawings", {"a": "json:dumps", "b": "no_such_module:x"})


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with entry points: ``install("name", "entry = module:attribute")``."""

    def add(name: str, *points: str, module: str = "") -> None:
        folder = tmp_path / name
        information = folder / f"{name}-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (information / "entry_points.txt").write_text(
            "\n".join(["[paralbench.drawings]", *points, ""])
        )
        (folder / f"{name}.py").write_text(module)
        monkeypatch.syspath_prepend(str(folder))

    yield add
    for name in ("one", "other", "broken"):
        sys.modules.pop(name, None)


def test_listing_imports_nothing(registry):
    assert registry.names() == tuple(registry) == ("a", "b")
    assert "a" in registry
    assert "c" not in registry


def test_an_implementation_is_imported_on_first_use(registry):
    import json

    assert registry.get("a") is json.dumps


def test_our_own_broken_target_is_no_user_error(registry):
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        registry.get("b")


def test_an_unknown_name_is_refused_with_the_known_ones(registry):
    with pytest.raises(UnknownNameError, match=r"^unknown drawing 'c'\. Known: a, b\.$"):
        registry.get("c")


def test_another_package_adds_a_name(registry, install):
    install("one", "c = one:draw", module="draw = 'drawn'")
    assert registry.names() == ("a", "b", "c")
    assert "one" not in sys.modules
    assert registry.get("c") == "drawn"


def test_a_name_of_ours_is_refused_with_both_places(registry, install):
    install("one", "a = one:draw")
    with pytest.raises(ParalbenchError) as caught:
        registry.names()
    assert str(caught.value) == (
        "the drawing 'a' is there twice: 'one:draw' of the package 'one' and 'json:dumps' of "
        "paralbench; one of the packages must choose another name, or be uninstalled."
    )


def test_a_name_of_a_third_package_is_refused_with_both_places(registry, install):
    install("one", "c = one:draw")
    install("other", "c = other:draw")
    with pytest.raises(ParalbenchError) as caught:
        registry.get("a")
    assert "'one:draw' of the package 'one'" in str(caught.value)
    assert "'other:draw' of the package 'other'" in str(caught.value)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("", "has no attribute 'draw'"),
    ],
)
def test_a_broken_package_is_named(registry, install, module, reason):
    install("broken", "c = broken:draw", module=module)
    assert "c" in registry.names()
    with pytest.raises(ParalbenchError) as caught:
        registry.get("c")
    assert "the drawing 'c' cannot be loaded from 'broken:draw' of the package 'broken'" in str(
        caught.value
    )
    assert reason in str(caught.value)

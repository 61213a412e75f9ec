"""Recipes: what `list probes` and keys read."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import get_args

import pytest

from paralbench.cards.task import RecipeName
from paralbench.errors import UnknownNameError
from paralbench.probes.recipes import RECIPES, get_recipe


def test_every_recipe_that_a_card_may_name_exists():
    assert set(RECIPES) == set(get_args(RecipeName))
    for name, recipe in RECIPES.items():
        assert get_recipe(name) is recipe
        assert (recipe.name, recipe.version >= 1) == (name, True)
        assert recipe.about
        assert "\n" not in recipe.about


def test_an_unknown_recipe_lists_the_known():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'layers'\?.*majority"):
        get_recipe("layer")


def test_the_content_is_plain_data_and_changes_with_every_setting():
    recipe = RECIPES["paralbench"]
    content = recipe.content()
    assert json.loads(json.dumps(content))["learning_rates"] == list(recipe.learning_rates)
    assert "about" not in content
    assert replace(recipe, patience=9).content() != content


def test_checkpoints_leave_room_for_the_average():
    with pytest.raises(ValueError, match="at least twice"):
        replace(RECIPES["paralbench"], checkpoints=(16, 24))


def test_listing_imports_no_torch():
    code = "import sys, paralbench.probes.recipes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

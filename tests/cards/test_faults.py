"""A bad card's error names file, key, value and what is allowed."""

import pytest
import yaml

from paralbench.cards import TaskCard
from paralbench.cards.catalogue import KINDS, read_card
from paralbench.errors import CardError

SHA = "ab" * 32
COMMIT = "cd" * 20


@pytest.fixture
def fault(smallest, write, tmp_path):
    """The lines that a card's faults give, without the file, which each must begin with."""

    def lines(kind: str, **changes) -> list[str]:
        file = write(tmp_path / f"{kind}.yaml", smallest[kind] | changes)
        with pytest.raises(CardError) as caught:
            read_card(file, kind)
        found = str(caught.value).splitlines()
        assert all(line.startswith(f"{file}: ") for line in found)
        return [line.removeprefix(f"{file}: ") for line in found]

    return lines


def regions(map=None, label=None, **boxes):
    """Two domains, one of which makes classes of numbers."""
    given = {"map": map, "label": label}
    here = {"corpora": ["corpus"], "regions": boxes} | {k: v for k, v in given.items() if v}
    return {"here": here, "there": {"corpora": ["corpus"]}}


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_card_of_each_kind_is_read(smallest, write, tmp_path, kind):
    card, *_ = read_card(write(tmp_path / "some-id.yaml", smallest[kind]), kind)
    assert card.id == "some-id"
    assert card.content()["name"] == smallest[kind]["name"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(fault, kind):
    (line,) = fault(kind, nme="a typo")
    assert line.startswith("nme: unknown key. Did you mean 'name'? Allowed: ")
    allowed = line.partition("Allowed: ")[2].rstrip(".").split(", ")
    assert allowed == sorted(KINDS[kind].model_fields)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_key_is_named(smallest, write, tmp_path, kind):
    del smallest[kind]["name"]
    file = write(tmp_path / "card.yaml", smallest[kind])
    with pytest.raises(CardError, match=r"card\.yaml: name: missing; this key is required\."):
        read_card(file, kind)


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        # A scale that does not rise.
        (
            "harmonised",
            {"domains": {"a": {"corpora": ["x"], "scale": [7, 1]}, "b": {"corpora": ["y"]}}},
            "domains.a.scale: [7.0, 1.0] is not allowed. Allowed: [low, high], low < high.",
        ),
        # A word out of a closed vocabulary, at any depth.
        (
            "corpus",
            {"access": "free"},
            "access: 'free' is not allowed. Allowed: open, form, agreement, paid.",
        ),
        (
            "task",
            {"metrics": ["uar", "UAR"]},
            "metrics.1: 'UAR' is not allowed. Did you mean 'uar'? Allowed: uar, wa, weighted-f1, "
            "macro-f1, positive-f1, ccc, pearson, mae.",
        ),
        (
            "task",
            {"split": {"protocol": "loso"}},
            "split.protocol: 'loso' is not allowed. Allowed: official, leave-one-speaker-out, "
            "leave-one-session-out, leave-one-out, speaker-k-fold, predefined.",
        ),
        (
            "corpus",
            {"labels": {"emotion": {"kind": "clas", "values": ["a"]}}},
            "labels.emotion.kind: 'clas' is not allowed. Did you mean 'class'? Allowed: class, "
            "number.",
        ),
        # Parts that are told apart by their source.
        (
            "upstream",
            {"weights": [{"source": "hubb"}]},
            "weights.0.source: 'hubb' is not allowed. Did you mean 'hub'? Allowed: hub, url, "
            "folder, package, installed, none.",
        ),
        (
            "upstream",
            {"weights": [{"path": "x"}]},
            "weights.0.source: missing; this key is required. Allowed: hub, url, folder, package, "
            "installed, none.",
        ),
        (
            "upstream",
            {"weights": [{"source": "hub", "repository": "a/b", "revision": "main"}]},
            "weights.0.revision: 'main' is not allowed. Allowed: a full commit hash: 40 "
            "hexadecimal digits in lower case.",
        ),
        (
            "upstream",
            {
                "weights": [
                    {"source": "none"},
                    {"source": "hub", "repositry": "a", "repository": "a", "revision": COMMIT},
                ]
            },
            "weights.1.repositry: unknown key. Did you mean 'repository'? Allowed: files, "
            "repository, revision, sha256, source.",
        ),
        (
            "corpus",
            {"sources": [{"source": "url", "files": [{"url": "https://x", "sha256": "AB"}]}]},
            "sources.0.files.0.sha256: 'AB' is not allowed. Allowed: a sha256: 64 hexadecimal "
            "digits in lower case.",
        ),
        (
            "corpus",
            {"sources": [{"source": "pypi", "package": "a==1", "sha256": SHA, "members": []}]},
            "sources.0.members: [] is not allowed. Allowed: at least 1 of them.",
        ),
        # Wrong types, also as YAML's traps give them.
        (
            "corpus",
            {"labels": {"level": {"kind": "class", "values": [1, "2"]}}},
            "labels.level.values.0: 1 is not allowed. Allowed: text (put a number or a truth value "
            "in quotes).",
        ),
        (
            "upstream",
            {"verified_on_real_weights": "yes"},
            "verified_on_real_weights: 'yes' is not allowed. Allowed: true or false.",
        ),
        ("upstream", {"dim": 76.8}, "dim: 76.8 is not allowed. Allowed: a whole number."),
        ("upstream", {"layers": 0}, "layers: 0 is not allowed. Allowed: a number of at least 1."),
        ("upstream", {"window": 0}, "window: 0 is not allowed. Allowed: a number greater than 0."),
        (
            "upstream",
            {"weights": {"source": "none"}},
            "weights: {'source': 'none'} is not allowed. Allowed: a list.",
        ),
        (
            "upstream",
            {"options": {"bins": [80]}},
            "options.bins: [80] is not allowed. Allowed: true or false; or a whole number; or a "
            "number; or text (put a number or a truth value in quotes).",
        ),
        (
            "task",
            {"where": {"gender": "female"}},
            "where.gender: 'female' is not allowed. Allowed: a list.",
        ),
        ("task", {"span": ""}, "span: '' is not allowed. Allowed: short, medium, long."),
        # Ids of other cards.
        (
            "task",
            {"corpus": "My Corpus"},
            "corpus: 'My Corpus' is not allowed. Allowed: lower-case letters, digits, '.', '+' and "
            "'-'; a letter or digit comes first.",
        ),
        # What has to fit within one card.
        (
            "task",
            {"split": {"protocol": "speaker-k-fold"}},
            "split.folds: missing; the protocol 'speaker-k-fold' needs it.",
        ),
        (
            "task",
            {"split": {"protocol": "official", "folds": 5}},
            "split.folds: 5 is not allowed with the protocol 'official'; only 'speaker-k-fold' has "
            "this key.",
        ),
        (
            "task",
            {"split": {"protocol": "official", "leaks": ["speaker"]}},
            "split.leaks_reason: given exactly when 'leaks' is.",
        ),
        (
            "task",
            {"metrics": ["uar", "ccc"]},
            "metrics: ccc does not fit target 'classes'. Allowed: uar, wa, weighted-f1, macro-f1, "
            "positive-f1.",
        ),
        ("task", {"classes": ["a"]}, "classes: ['a'] is not allowed. Allowed: at least two names."),
        ("task", {"classes": ["a", "b", "a"]}, "classes: 'a' stands here twice."),
        ("task", {"low": 0}, "low, high: only a target 'regression' has these keys."),
        (
            "task",
            {"target": "regression", "classes": [], "metrics": ["ccc"], "low": 2, "high": 2},
            "low, high: 2.0 and 2.0 are not allowed. Allowed for a target 'regression': two "
            "numbers, low < high.",
        ),
        ("task", {"selection": "fixed"}, "fixed: given exactly when 'selection' is 'fixed'."),
        (
            "corpus",
            {"labels": {"emotion": {"kind": "class"}}},
            "labels.emotion.values: missing; a label of kind 'class' needs its names.",
        ),
        (
            "corpus",
            {"expected": {"classes": {"emotion": {"anger": 3}}}},
            "expected.classes.emotion: 'anger' is not allowed. Allowed: angry, calm.",
        ),
        (
            "corpus",
            {"tasks": [{"label": "emotion"}, {"label": "emotions"}]},
            "tasks.1.label: 'emotions' is not allowed. Allowed: emotion, age.",
        ),
        (
            "harmonised",
            {"pairs": [["here", "there"], ["here", "elsewhere"]]},
            "pairs.1: 'elsewhere' is not allowed. Allowed: here, there.",
        ),
        ("harmonised", {"pairs": [["here", "here"]]}, "pairs.0: 'here' is paired with itself."),
        (
            "harmonised",
            {"domains": regions(angry={"arousal": [4, None]}, calm={"arousal": [2, 4.5]})},
            "domains.here.regions: 'angry' and 'calm' overlap.",
        ),
        (
            "harmonised",
            {"domains": regions(angry={"arousal": [None, None]})},
            "domains.here.regions.angry.arousal: [None, None] is not allowed. Allowed: [low, "
            "high], low < high, one of them null at most.",
        ),
        (
            "harmonised",
            {"domains": regions(angry={"arousal": [4, 4]})},
            "domains.here.regions.angry.arousal: [4.0, 4.0] is not allowed. Allowed: [low, high], "
            "low < high, one of them null at most.",
        ),
        (
            "harmonised",
            {"domains": regions(map={"angry": "angry"}, angry={"arousal": [4, None]})},
            "domains.here.regions: map and regions are not allowed together; a label has one map.",
        ),
        (
            "harmonised",
            {"domains": regions(label="mood", angry={"arousal": [4, None]})},
            "domains.here.label: not allowed with 'regions', which name their labels.",
        ),
        (
            "harmonised",
            {"domains": {"a+b": {"corpora": ["corpus"]}, "c": {"corpora": ["corpus"]}}},
            "domains: 'a+b' is not allowed: a '+' joins domains.",
        ),
        (
            "harmonised",
            {"classes": ["angry", "sad, or not"]},
            "classes: 'sad, or not' is not allowed: it holds one of | [ ] ,.",
        ),
        (
            "suite",
            {"protocols": ["pairs"]},
            "protocols.0: 'pairs' is not allowed. Did you mean 'pair'? Allowed: pair, "
            "leave-one-corpus-out, pooled, growth, ceiling.",
        ),
        (
            "suite",
            {"tasks": []},
            "tasks: missing; a suite needs 'tasks' or 'transfer'.",
        ),
        ("suite", {"upstreams": ["a", "a"]}, "upstreams: 'a' stands here twice."),
        (
            "upstream",
            {"weights": [{"source": "none"}, {"source": "folder", "path": "x"}]},
            "weights: the sources none, folder are not allowed together; 'none' and 'installed' "
            "stand alone.",
        ),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(fault, kind, changes, expected):
    assert fault(kind, **changes) == [expected]


def test_each_fault_has_a_line(fault):
    lines = fault("upstream", nme="x", dim="768", licence="", weights=[{"source": "folder"}])
    assert sorted(line.partition(":")[0] for line in lines) == [
        "dim",
        "licence",
        "nme",
        "weights.0.path",
    ]


def test_a_long_value_is_cut(fault):
    (line,) = fault("upstream", weights="x" * 10_000)
    assert len(line) < 200


def test_a_number_needs_no_point_and_no_quotes(smallest, write, tmp_path):
    def file(rate: str):
        smallest["task"] |= {
            "selection": "fixed",
            "fixed": {"learning_rate": 12345, "weight_decay": 0, "epochs": 10},
        }
        text = yaml.safe_dump(smallest["task"]).replace("12345", rate)
        return write(tmp_path / "anger.yaml", text)

    (card,) = read_card(file("1e-4"), "task")
    assert isinstance(card, TaskCard)
    assert card.fixed
    assert card.fixed.learning_rate == 1e-4
    with pytest.raises(CardError, match=r"fixed\.learning_rate: '1e-4' is not allowed"):
        read_card(file("'1e-4'"), "task")

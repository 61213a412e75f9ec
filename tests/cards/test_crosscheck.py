"""Whether what cards name exists and fits: what ``paralbench validate`` prints."""

import pytest

from paralbench.cards.catalogue import KINDS, Catalogue
from paralbench.cards.crosscheck import COLUMNS, problems
from paralbench.corpora.columns import FIXED_COLUMNS


@pytest.fixture
def found(smallest):
    """The problems of the smallest cards with changes: ``found(task={...}, readers=...)``.

    A kind with a list of cards, ``corpus=[{...}, ...]``, has the ids ``corpus``, ``corpus-1``, ...
    """

    def check(families=None, readers=None, **changes) -> list[str]:
        catalogue = Catalogue()
        for kind, model in KINDS.items():
            given = changes.pop(kind, {})
            for number, change in enumerate(given if isinstance(given, list) else [given]):
                id = f"{kind}-{number}" if number else kind
                catalogue.shelf(kind).add(model.build(smallest[kind] | change, id=id))
        assert not changes
        return problems(catalogue, families=families, readers=readers)

    return check


UNKNOWN = {"speakers": "unknown", "resample": "utterance"}
FIXED = {
    "selection": "fixed",
    "fixed": {"learning_rate": 0.01, "weight_decay": 0.1, "epochs": 10},
}
DOMAINS = {"a": {"corpora": ["corpus"]}, "b": {"corpora": ["corpus"]}}
NUMBERS = {
    "label": "age",
    "target": "regression",
    "classes": [],
    "low": 0,
    "high": 100,
    "metrics": ["mae"],
    "domains": DOMAINS,
}
BOX = {"age": [40, None]}
BOXES = {"corpora": ["corpus"], "regions": {"calm": BOX, "angry": {"age": [None, 40]}}}
VALUES = {"corpora": ["corpus"], "label": "emotion", "values": {"angry": 20, "calm": 40}}
OTHER_NAMES = {"labels": {"emotion": {"kind": "class", "values": ["wut", "ruhe", "angry"]}}}


def test_owners_may_give_a_development_part_without_naming_speakers(found):
    assert found(corpus=UNKNOWN, task={"split": {"protocol": "official"}}) == []


def test_cards_that_fit_have_no_problem(found):
    assert found() == []
    assert found(families=["fbank"], readers=["filename"]) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"families": ["wav2vec2-like", "fbanks"]},
            "upstream: family: no family is called 'fbank'. Did you mean 'fbanks'? Allowed: "
            "fbanks, wav2vec2-like.",
        ),
        (
            {"readers": ["csv-table"]},
            "corpus: reader.name: no reader is called 'filename'. Allowed: csv-table.",
        ),
        (
            {"upstream": {"weights": [{"source": "folder", "path": "no/such/folder"}]}},
            "upstream: weights.0.path: no folder ",
        ),
        (
            {
                "corpus": {"speakers": "unknown"},
                "task": FIXED | {"split": {"protocol": "official"}},
            },
            "corpus: resample: 'speaker' needs speakers that are known. Allowed: session, "
            "utterance.",
        ),
        (
            {"task": {"corpus": "korpus"}},
            "task: corpus: no corpus is called 'korpus'. Did you mean 'corpus'? Allowed: corpus.",
        ),
        (
            {"task": {"label": "emotions"}},
            "task: label: no label of corpus is called 'emotions'. Did you mean 'emotion'? "
            "Allowed: age, emotion.",
        ),
        (
            {"task": {"label": "age"}},
            "task: label: 'age' of corpus is a number, which the target 'classes' does not fit.",
        ),
        (
            {
                "task": {
                    "target": "regression",
                    "classes": [],
                    "metrics": ["mae"],
                    "low": 0,
                    "high": 1,
                }
            },
            "task: label: 'emotion' of corpus is a class, which the target 'regression' does not "
            "fit.",
        ),
        (
            {"task": {"classes": ["angry", "clam"]}},
            "task: classes: no class of 'emotion' is called 'clam'. Did you mean 'calm'? Allowed: "
            "angry, calm.",
        ),
        (
            {"task": {"where": {"sex": ["female"]}}},
            "task: where: no column of corpus is called 'sex'. Allowed: age, emotion, gender, "
            "language, session, speaker, split.",
        ),
        (
            {"task": {"where": {"gender": ["female", "m"]}}},
            "task: where.gender: no value in corpus is called 'm'. Allowed: female, male.",
        ),
        (
            {"task": {"where": {"emotion": ["bored"]}}},
            "task: where.emotion: no value in corpus is called 'bored'. Allowed: angry, calm.",
        ),
        (
            {"task": {"split": {"protocol": "leave-one-out", "column": "room"}}},
            "task: split.column: no column is called 'room'. Allowed: ",
        ),
        (
            {"task": {"split": {"protocol": "predefined", "file": "no-such-list.csv"}}},
            "task: split.file: no file ",
        ),
        (
            {"corpus": UNKNOWN, "task": FIXED},
            "task: split.protocol: 'leave-one-speaker-out' needs speakers, and corpus has none.",
        ),
        (
            {
                "corpus": UNKNOWN,
                "task": {"split": {"protocol": "leave-one-out", "column": "session"}},
            },
            "task: selection: 'development' needs a development split without the speakers of the "
            "others, and corpus has no speakers. Allowed: fixed.",
        ),
        (
            {"harmonised": {"domains": {"a": {"corpora": ["x"]}, "b": {"corpora": ["corpus"]}}}},
            "harmonised: domains.a.corpora: no corpus is called 'x'. Allowed: corpus.",
        ),
        (
            {
                "harmonised": {
                    "domains": {
                        "a": {"corpora": ["corpus"], "map": {"angry": "anger", "calm": "calm"}},
                        "b": {"corpora": ["corpus"]},
                    },
                    "classes": ["calm", "angry", "bored"],
                    "pairs": [["b", "a"]],
                }
            },
            "harmonised: domains.a.map: no class of this card is called 'anger'. Did you mean "
            "'angry'? Allowed: angry, bored, calm.",
        ),
        (
            {
                "harmonised": {
                    "domains": {
                        "a": {"corpora": ["corpus"], "map": {"angyr": "angry", "calm": "calm"}},
                        "b": {"corpora": ["corpus"]},
                    }
                }
            },
            "harmonised: domains.a.map: no class of its corpora is called 'angyr'. Did you mean "
            "'angry'? Allowed: angry, calm.",
        ),
        (
            {
                "harmonised": {
                    "domains": {
                        "a": {"corpora": ["corpus"], "label": "age"},
                        "b": {"corpora": ["corpus"]},
                    }
                }
            },
            "harmonised: domains.a.label: 'age' of corpus is a number, which the target 'classes' "
            "does not fit.",
        ),
        (
            {"harmonised": NUMBERS | {"low": 20, "high": 90}},
            "harmonised: domains.a: the label is 18 to 90 in corpus, which leaves this card's 20 "
            "to 90. Give the domain a scale, or the card another low and high.",
        ),
        (
            {
                "harmonised": NUMBERS
                | {"domains": DOMAINS | {"a": {"corpora": ["corpus"], "scale": [0, 90]}}}
            },
            "harmonised: domains.a.scale: [0.0, 90.0] goes beyond the label, which is 18 to 90 in "
            "corpus.",
        ),
        (
            {"harmonised": {"domains": DOMAINS | {"a": {"corpora": ["corpus"], "scale": [0, 1]}}}},
            "harmonised: domains.a.scale: only a target 'regression' has a scale.",
        ),
        (
            {"harmonised": NUMBERS | {"domains": DOMAINS | {"a": BOXES}}},
            "harmonised: domains.a.regions: only a target 'classes' has regions.",
        ),
        (
            {"harmonised": {"domains": DOMAINS | {"a": BOXES | {"regions": {"old": BOX}}}}},
            "harmonised: domains.a.regions: no class of this card is called 'old'. Allowed: "
            "angry, calm.",
        ),
        (
            {
                "harmonised": {
                    "domains": DOMAINS
                    | {"a": BOXES | {"regions": {"calm": {"emotion": [1, None]}}}}
                }
            },
            "harmonised: domains.a.regions: 'emotion' of corpus is a class, which the target "
            "'regression' does not fit.",
        ),
        (
            {"harmonised": NUMBERS | {"domains": DOMAINS | {"a": VALUES | {"label": "age"}}}},
            "harmonised: domains.a.label: 'age' of corpus is a number, which the target 'classes' "
            "does not fit.",
        ),
        (
            {"harmonised": NUMBERS | {"domains": DOMAINS | {"a": VALUES}, "high": 30}},
            "harmonised: domains.a.values: 40 leaves this card's 0 to 30.",
        ),
        (
            {
                "harmonised": NUMBERS
                | {"domains": DOMAINS | {"a": VALUES | {"values": {"bored": 1}}}}
            },
            "harmonised: domains.a.values: no class of its corpora is called 'bored'.",
        ),
        (
            {
                "corpus": [{}, OTHER_NAMES],
                "harmonised": {
                    "domains": {"a": {"corpora": ["corpus"]}, "b": {"corpora": ["corpus-1"]}},
                    "pairs": [["a", "b"]],
                },
            },
            "harmonised: pairs: 'a' and 'b' share fewer than two classes.",
        ),
        (
            {
                "corpus": [{}, OTHER_NAMES],
                "harmonised": {
                    "domains": {
                        "a": {"corpora": ["corpus"]},
                        "b": {"corpora": ["corpus-1"], "where": {"emotion": ["wut"]}},
                    },
                    "pairs": [["a", "b"]],
                },
            },
            "harmonised: domains.b: none of its classes is among angry, calm.",
        ),
        (
            {"suite": {"upstreams": ["upstream", "hubert"]}},
            "suite: upstreams: no upstream is called 'hubert'. Allowed: upstream.",
        ),
        ({"suite": {"tasks": ["tusk"]}}, "suite: tasks: no task is called 'tusk'. Did you mean "),
        (
            {"suite": {"transfer": ["emotion"]}},
            "suite: transfer: no harmonised map is called 'emotion'. Allowed: harmonised.",
        ),
        (
            {"suite": {"sample": {"other": {"clips": 3, "by": ["speaker"]}}}},
            "suite: sample: no corpus is called 'other'. Allowed: corpus.",
        ),
        (
            {"suite": {"sample": {"corpus": {"clips": 3, "by": ["emotoin"]}}}},
            "suite: sample.corpus.by: no column is called 'emotoin'. Did you mean 'emotion'? ",
        ),
        (
            {
                "corpus": [{}, {}],
                "suite": {"sample": {"corpus-1": {"clips": 3, "by": ["speaker"]}}},
            },
            "suite: sample.corpus-1: no task and no transfer setting of this suite uses it.",
        ),
    ],
)
def test_a_problem_names_card_key_value_and_what_is_allowed(found, changes, expected):
    assert found(**changes)[0].startswith(expected)


def test_a_pair_needs_two_classes_only_where_it_is_a_setting(found):
    domains = {
        "a": {"corpora": ["corpus"]},
        "b": {"corpora": ["corpus"]},
        "c": {"corpora": ["corpus-1"]},
    }
    corpora = [{}, OTHER_NAMES]
    lines = found(corpus=corpora, harmonised={"domains": domains})
    assert [line.partition(" share")[0] for line in lines] == [
        f"harmonised: pairs: {pair}"
        for pair in ("'a' and 'c'", "'b' and 'c'", "'c' and 'a'", "'c' and 'b'")
    ]
    assert found(corpus=corpora, harmonised={"domains": domains, "pairs": [["a", "b"]]}) == []


def test_a_map_makes_corpora_fit(found):
    mapped = {"corpora": ["corpus-1"], "map": {"wut": "angry", "ruhe": "calm"}}
    domains = {"a": {"corpora": ["corpus"]}, "b": mapped}
    assert found(corpus=[{}, OTHER_NAMES], harmonised={"domains": domains}) == []


def test_a_scale_makes_numbers_fit(found):
    scaled = {"a": {"corpora": ["corpus"], "scale": [18, 80]}, "b": {"corpora": ["corpus"]}}
    assert found(harmonised=NUMBERS) == []
    assert found(harmonised=NUMBERS | {"domains": scaled}) == []


def test_numbers_become_classes_and_classes_numbers(found):
    assert found(harmonised={"domains": DOMAINS | {"a": BOXES}}) == []
    assert found(harmonised=NUMBERS | {"domains": DOMAINS | {"a": VALUES}}) == []


def test_the_columns_are_those_of_manifests():
    assert set(COLUMNS) == set(FIXED_COLUMNS) - {"utterance", "path", "start", "end"}

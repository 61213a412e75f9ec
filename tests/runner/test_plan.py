"""The plan of a request where only some corpora are on the machine: what is left out, and told."""

import pytest

from paralbench.cards import load_catalogue
from paralbench.errors import CorpusNotFoundError, ParalbenchError
from paralbench.runner.plan import make_plan
from paralbench.runner.request import Request, from_suite

CATALOGUE = load_catalogue()


def only(*here):
    """A search that finds these corpora."""

    def find(corpus):
        if corpus not in here:
            raise CorpusNotFoundError(f"{corpus} is away. Ask for it.", short=f"ask for {corpus}")

    return find


def transfer(*ids, **given):
    return Request(upstreams=("fbank",), transfer=ids, recipes=("paralbench",), **given)


def test_pairs_of_what_is_here_run_and_the_others_are_one_line():
    plan = make_plan(CATALOGUE, transfer("emotion"), only("nemo", "urdu", "crema-d"))
    assert {(cell.train, cell.test) for cell in plan.cells} == {
        ("nemo", "urdu"),
        ("nemo", "crema-d"),
        ("urdu", "nemo"),
        ("urdu", "crema-d"),
        ("crema-d", "nemo"),
        ("crema-d", "urdu"),
    }
    (line,) = plan.skipped
    n = len(CATALOGUE.harmonised.get("emotion").domains)
    assert line.startswith(f"transfer of emotion: {n * (n - 1) - 6} of {n * (n - 1)} pairs, for ")
    assert "not on this machine: polish-emotion, ravdess, " in line
    assert "\n" not in line


def test_a_suite_that_restricts_the_corpora_tells_of_no_others():
    request = from_suite(CATALOGUE, "trial")
    here = only("polish-emotion", "nemo", "urdu", "baved", "fillets")
    assert make_plan(CATALOGUE, request, here).skipped == ()
    skipped = make_plan(CATALOGUE, request, only("polish-emotion", "nemo", "urdu", "fillets"))
    tasks, gender = skipped.skipped
    assert tasks == "baved (baved-level, baved-gender): not on this machine: ask for baved"
    assert "of 20 pairs" in gender


def test_of_a_domain_of_two_corpora_the_one_that_lacks_is_named():
    with pytest.raises(ParalbenchError, match=r"of 2 pairs, .* this machine: ktuberling;"):
        make_plan(CATALOGUE, transfer("language"), only("asterisk-prompts", "klettres"))


def test_a_suite_with_nothing_here_says_what_lacks_and_how_to_get_it():
    with pytest.raises(ParalbenchError) as refused:
        make_plan(CATALOGUE, from_suite(CATALOGUE, "core"), only())
    first, *lines, last = str(refused.value).splitlines()
    assert first == "nothing to run with the corpora on this machine; what lacks:"
    assert "--root ID=DIR" in last
    assert len(lines) == 10
    assert "  l2-arctic (accent): not on this machine: ask for l2-arctic" in lines
    (msp,) = [line for line in lines if "msp-podcast" in line]
    assert "(emotion, arousal, valence, dominance)" in msp


def test_a_suite_runs_the_tasks_that_it_can():
    plan = make_plan(CATALOGUE, from_suite(CATALOGUE, "core"), only("kespeech"))
    assert {cell.task for cell in plan.cells} == {"dialect"}
    assert len(plan.cells) == 2 + 14  # the floors, and a probe on each upstream
    assert len(plan.skipped) == 9


def test_a_task_that_is_asked_for_by_name_must_be_here():
    request = Request(upstreams=("fbank",), tasks=("dialect", "accent"))
    with pytest.raises(CorpusNotFoundError, match=r"l2-arctic is away\. Ask for it\."):
        make_plan(CATALOGUE, request, only("kespeech"))


def test_a_request_without_anything_to_do_is_told():
    with pytest.raises(ParalbenchError, match="no task and no transfer setting was asked for"):
        make_plan(CATALOGUE, Request(upstreams=("fbank",)), only())


def test_protocols_are_laid_out_on_what_is_here():
    request = transfer("emotion-4", protocols=("leave-one-corpus-out", "growth", "ceiling"))
    plan = make_plan(CATALOGUE, request, only("nemo", "urdu", "meld"))
    found = {}
    for cell in plan.cells:
        found.setdefault(cell.setting, set()).add((cell.train, cell.test))
    assert found["leave-one-corpus-out"] == {
        ("urdu+meld", "nemo"),
        ("nemo+meld", "urdu"),
        ("nemo+urdu", "meld"),
    }
    assert len(found["growth"]) == 12  # two orders of two steps towards each of three
    assert found["ceiling"] == {("nemo", "nemo"), ("urdu", "urdu")}  # not MELD: see its card
    (line,) = plan.skipped
    assert line.startswith("transfer of emotion-4: 5 of 8 domains, for what is not on this machine")
    (cell,) = [one for one in plan.cells if one.train == "urdu+meld" and one.test == "nemo"][:1]
    assert cell.corpora == ("urdu", "meld", "nemo")


def test_a_protocol_that_lacks_corpora_is_told():
    request = transfer("stutter", protocols=("pair", "leave-one-corpus-out"))
    plan = make_plan(CATALOGUE, request, only("sep-28k", "fluencybank"))
    assert {cell.setting for cell in plan.cells} == {"pair"}
    assert plan.skipped == (
        "leave-one-corpus-out of stutter: not towards sep-28k, fluencybank: it needs two other "
        "domains to train on, and there is one",
    )


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ParalbenchError, match=r"'pairs' is not allowed. Allowed: pair, leave-one"):
        transfer("emotion", protocols=("pairs",))


def test_one_corpus_alone_is_nothing_to_transfer():
    protocols = ("pair", "leave-one-corpus-out", "pooled", "growth", "ceiling")
    with pytest.raises(ParalbenchError) as refused:
        make_plan(CATALOGUE, transfer("stutter", protocols=protocols), only("sep-28k"))
    lines = str(refused.value).splitlines()
    assert "  transfer of stutter: 2 of 2 pairs, for what is not on this machine" in lines[1]
    assert [line.split(": ", 2)[2] for line in lines[2:5]] == [
        "it needs two other domains to train on, and there is none",
        "there is no other domain to train on",
        "it needs two other domains to train on, and there is none",
    ]

"""What to tell a user who does not have a corpus."""

from paralbench.cards.corpus import CorpusCard, ManualSource

VARIABLE = "PARALBENCH_CORPORA"


def how_to_get(card: CorpusCard) -> str:
    """How to fetch a corpus, or to ask for it, or to say where it is."""
    sentences = []
    if any(not isinstance(source, ManualSource) for source in card.sources):
        sentences.append(f"Fetch it: paralbench corpora fetch {card.id}.")
    return " ".join([*sentences, *steps_by_hand(card), where_to_put(card)])


def how_in_short(card: CorpusCard) -> str:
    """How to get a corpus, in a few words for a list."""
    if any(not isinstance(source, ManualSource) for source in card.sources):
        return f"paralbench corpora fetch {card.id}"
    if card.sources:
        return f"by hand ({card.access}): paralbench corpora fetch {card.id} tells how"
    return "nowhere that the card knows of"


def steps_by_hand(card: CorpusCard) -> list[str]:
    """The steps of the card's manual sources, a sentence each."""
    return [
        "To get it by hand: "
        + " ".join(f"({number}) {step}" for number, step in enumerate(source.steps, 1))
        for source in card.sources
        if isinstance(source, ManualSource)
    ]


def where_to_put(card: CorpusCard) -> str:
    """How to say where a corpus is that the user already has."""
    names = " or ".join((card.id, *card.folders))
    return (
        f"If you have it, name its folder (--root {card.id}=DIR), or put the folder, called "
        f"{names}, into one that ${VARIABLE} lists."
    )

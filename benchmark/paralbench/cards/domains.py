"""What the cards alone say of a domain: which classes its utterances may have."""

from paralbench.cards.catalogue import Catalogue
from paralbench.cards.corpus import CorpusCard
from paralbench.cards.task import Domain, HarmonisedCard


def corpora_of(domain: Domain, catalogue: Catalogue) -> list[CorpusCard]:
    """The cards of a domain's corpora, those that there are."""
    return [catalogue.corpora.get(id) for id in domain.corpora if id in catalogue.corpora]


def own_classes(card: HarmonisedCard, domain: Domain, catalogue: Catalogue) -> set[str] | None:
    """The class names that the corpora's rows may have; None where the cards do not say."""
    name = domain.label or card.label
    labels = [corpus.labels.get(name) for corpus in corpora_of(domain, catalogue)]
    known = [label.values for label in labels if label is not None and label.kind == "class"]
    if not known or len(known) < len(domain.corpora):
        return None
    return {
        value for values in known for value in values if value in domain.where.get(name, values)
    }


def shared_classes(card: HarmonisedCard, name: str, catalogue: Catalogue) -> tuple[str, ...]:
    """The harmonised classes that a domain may have, in the card's order.

    All of the card's where its corpora's cards do not say, and none for regression.
    """
    domain = card.domains[name]
    if domain.regions:
        found = set(domain.regions)
    else:
        values = own_classes(card, domain, catalogue)
        if values is None:
            return card.classes
        found = {domain.map.get(value, "") if domain.map else value for value in values}
    return tuple(one for one in card.classes if one in found)


def why_no_ceiling(card: HarmonisedCard, name: str, catalogue: Catalogue) -> str | None:
    """Why no probe can be trained and tested within a domain; None where one can."""
    domain = card.domains[name]
    if domain.no_ceiling is not None:
        return domain.no_ceiling
    unknown = [one.id for one in corpora_of(domain, catalogue) if one.speakers == "unknown"]
    return f"{', '.join(unknown)} names no speakers" if unknown else None

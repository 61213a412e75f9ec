"""The demo's own step: fetching the corpora of a suite, each failure told with its reason."""

from paralbench.cards import Catalogue
from paralbench.corpora.fetch import fetch
from paralbench.corpora.locate import locate
from paralbench.errors import CorpusError, CorpusNotFoundError, FetchError
from paralbench.runner.plan import domains_of
from paralbench.runner.progress import Progress
from paralbench.runner.request import Request


def fetch_for(catalogue: Catalogue, request: Request, progress: Progress) -> None:
    """Fetch every corpus of a request that can be fetched and is not here yet."""
    for id in corpora_of(catalogue, request):
        card = catalogue.corpora.get(id)
        try:
            locate(card, request.roots)
            continue
        except CorpusNotFoundError:
            if all(source.source == "manual" for source in card.sources):
                continue  # the plan says that it is skipped, and how to get it
        progress.line(f"{id}: fetching")
        try:
            fetch(card, progress=progress.line)
        except (FetchError, CorpusError) as error:
            progress.line(f"{id}: could not be fetched: {error}")


def corpora_of(catalogue: Catalogue, request: Request) -> list[str]:
    """The corpora that a request's tasks and transfer settings name, each once."""
    ids = [catalogue.tasks.get(task).corpus for task in request.tasks]
    for label in request.transfer:
        domains = domains_of(catalogue.harmonised.get(label), request)
        ids += [corpus for domain in domains.values() for corpus in domain.corpora]
    return list(dict.fromkeys(ids))

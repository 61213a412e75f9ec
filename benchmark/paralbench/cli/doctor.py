"""``doctor``: what this machine has, and what of the suite can run on it."""

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

from paralbench.cli.options import CardsOption, RootOption, assignments, catalogue
from paralbench.errors import ParalbenchError

PACKAGES = (
    "paralbench",
    "torch",
    "torchaudio",
    "transformers",
    "librosa",
    "soundfile",
    "soxr",
    "av",
    "scikit-learn",
    "pandas",
    "opensmile",
)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(cards: CardsOption = None, root: RootOption = None) -> None:
    """Print devices, versions, and which corpora and weights are found here."""
    import torch

    from paralbench import paths
    from paralbench.corpora.locate import locate
    from paralbench.torchaudio_cure import ensure_torchaudio, is_cured
    from paralbench.upstreams.weights import resolve

    shelves, roots = catalogue(cards), assignments(root, "--root")
    ensure_torchaudio()
    print(f"python {platform.python_version()} on {platform.machine()}, {platform.system()}")
    print("packages: " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    if is_cured():
        print("torchaudio: its compiled part does not fit this torch; a stub stands in for it")
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    print(f"devices: cpu ({torch.get_num_threads()} threads){''.join(f', {d}' for d in devices)}")
    print(f"home: {paths.home()}")
    print("corpora:")
    for card in shelves.corpora:
        print(f"  {card.id}: {_first_line(lambda card=card: str(locate(card, roots)))}")
    print("upstreams:")
    for card in shelves.upstreams:
        real = "yes" if card.verified_on_real_weights else "no"
        found = _first_line(lambda card=card: resolve(card, fetch=False).where)
        print(f"  {card.id}: {found}; verified on real weights: {real}")


def _first_line(find) -> str:
    try:
        return find()
    except ParalbenchError as error:
        return f"not here: {str(error).splitlines()[0]}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

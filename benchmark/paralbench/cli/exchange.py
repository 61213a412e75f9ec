"""``store push | pull``: what runs have computed, by way of an address.

Exit codes: 0 all is well, 1 something was damaged or passed over, 2 the request is wrong.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from paralbench import paths
from paralbench.cli.options import AudioOption, CardsOption, DryRunOption, catalogue, words
from paralbench.cli.run import megabytes_display
from paralbench.features.sizes import size_text

if TYPE_CHECKING:
    from paralbench.features.maintenance.exchange import Exchanged

AddressArgument = Annotated[
    str,
    typer.Argument(
        help="What fsspec opens: s3://BUCKET/FOLDER, gs://..., sftp://..., file:///FOLDER."
    ),
]


def push(
    address: AddressArgument, audio: AudioOption = False, dry_run: DryRunOption = False
) -> None:
    """Send features that an address lacks. Repeating it is safe and sends nothing twice."""
    from paralbench.features.maintenance.exchange import push_store
    from paralbench.storage.remote import Remote

    remote = Remote(address)
    with megabytes_display("push") as progress:
        done = push_store(paths.home(), remote, audio=audio, dry_run=dry_run, progress=progress)
    _tell(done, str(remote), "would send" if dry_run else "sent", "there")


def pull(
    address: AddressArgument,
    audio: AudioOption = False,
    upstreams: Annotated[
        str | None, typer.Option(help="Only features of these; comma-separated.")
    ] = None,
    cards: CardsOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Take in the features of an address; it is not changed. Repeating it fetches nothing twice.

    With --upstreams, features of other weights are left out where the upstreams' weights are here;
    else all of their family, variant and options are taken.
    """
    from paralbench.features.maintenance.pull import pull_store
    from paralbench.storage.remote import Remote

    shelves, named = catalogue(cards), words(upstreams)
    for id in named:
        shelves.upstreams.get(id)
    remote = Remote(address)
    with megabytes_display("pull") as progress:
        done = pull_store(
            paths.home(),
            remote,
            audio=audio,
            upstreams=named,
            cards=shelves.upstreams,
            dry_run=dry_run,
            progress=progress,
        )
    _tell(done, str(remote), "would take" if dry_run else "taken", "here")


def _tell(done: "Exchanged", address: str, what: str, where: str) -> None:
    """Say what travelled; the exit code is 1 where something did not."""
    for name, why in done.damaged.items():
        print(f"damaged: {name}: {why.rstrip('.')}.")
    for name, why in done.refused.items():
        print(f"passed over: {name}: {why.rstrip('.')}.")
    new = ", ".join(f"{rows:,} {name}" for name, rows in done.rows.items() if rows)
    print(
        f"{address}: {done.spaces} spaces, {what}: {new or 'nothing'} ({done.files:,} files, "
        f"{size_text(done.nbytes)}); {done.known:,} rows were {where} already."
    )
    if done.damaged or done.refused:
        raise typer.Exit(1)

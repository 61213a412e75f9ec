"""``store info | scrub | gc | merge | push | pull``: looking after what runs have computed.

Exit codes: 0 all is well, 1 something was damaged or could not be taken, 2 the request is wrong.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paralbench import paths
from paralbench.cli.exchange import pull, push
from paralbench.cli.options import (
    AudioOption,
    CardsOption,
    DryRunOption,
    JsonOption,
    WeightsOption,
    assignments,
    catalogue,
    words,
)
from paralbench.cli.run import megabytes_display
from paralbench.cli.tables import print_table
from paralbench.features.sizes import size_text

if TYPE_CHECKING:
    from paralbench.features.maintenance.spaces import Home, Space
    from paralbench.storage.maintenance import Damage


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Look after what runs have computed: features and decoded audio.",
        no_args_is_help=True,
    )
    for command in (info, scrub, gc, merge, push, pull):
        group.command(command.__name__)(command)
    app.add_typer(group, name="store")


def info(as_json: JsonOption = False) -> None:
    """What is in the store, what made it, and what room it takes."""
    from paralbench.features.maintenance.spaces import survey

    home = survey(paths.home())
    if as_json:
        print(json.dumps(_as_data(home), indent=1, ensure_ascii=False))
        return
    print(f"{home.folder}")
    heads = ("features", "upstream", "made by", "utterances", "moments", "frames", "size")
    rows = [_space_row(space) for space in home.spaces]
    if rows:
        print_table(heads, rows, right=heads[3:])
    audio = home.audio
    print(
        f"decoded audio: {audio.utterances:,} utterances, {audio.hours:,.1f} hours, "
        f"{size_text(audio.nbytes)}"
    )
    for name, size in home.others.items():
        print(f"{name}: {size_text(size)}")
    print(f"in all {size_text(home.nbytes)}; {size_text(home.free)} free on the disk")


def scrub(dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Read everything that was computed, and set aside what is not as it was written."""
    from paralbench.features.maintenance.scrub import scrub_home

    with megabytes_display("scrub") as progress:
        found = scrub_home(paths.home(), dry_run=dry_run, progress=progress)
    if as_json:
        data = {
            "shards": found.shards,
            "bytes": found.nbytes,
            "damaged": [_damage_data(one) for one in found.damaged],
            "unverified": [str(path) for path in found.unverified],
            "leftovers": [str(path) for path in found.leftovers],
        }
        print(json.dumps(data, indent=1))
    else:
        _tell_damage(found.damaged)
        _tell("cannot be verified, its name is no checksum", found.unverified)
        _tell("left by a writer that died" if dry_run else "removed", found.leftovers)
        print(f"{found.shards:,} shards read, {size_text(found.nbytes)}; ", end="")
        aside = "would be set aside" if dry_run else "set aside as *.damaged"
        print(
            f"{len(found.damaged)} files are damaged and {aside}; {found.lost:,} rows are lost, "
            "and computed anew by the next run that needs them."
            if found.damaged
            else "nothing is damaged."
        )
    if found.damaged:
        raise typer.Exit(1)


def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is listed.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list, as without --yes.")
    ] = False,
    upstreams: Annotated[
        str | None, typer.Option(help="Only features of these; comma-separated.")
    ] = None,
    keep_runs: Annotated[
        list[Path] | None,
        typer.Option("--keep-runs", help="Keep what this run's rows came from; may be repeated."),
    ] = None,
    cards: CardsOption = None,
    weights: WeightsOption = None,
) -> None:
    """List what no run needs any more, such as features by old code or weights; --yes removes it.

    Small shards are made into large ones. Give --cards and --weights as `run` gets them: features
    that only your own cards or checkpoints make are known by them.
    """
    from paralbench.features.maintenance.gc import carry_out, plan_gc

    shelves = catalogue(cards)
    named = words(upstreams)
    for id in named:
        shelves.upstreams.get(id)
    home = paths.home()
    plan = plan_gc(
        home,
        shelves.upstreams,
        roots=assignments(weights, "--weights"),
        upstreams=named,
        keep=_keys_of(keep_runs or ()),
    )
    for item in plan.items:
        print(f"{item.kind}: {item.path} ({size_text(item.nbytes)}): {item.why}")
    for path, why in plan.kept.items():
        print(f"kept: {path}: {why}")
    if not plan.items:
        print("Nothing can go.")
    elif yes and not dry_run:
        print(f"Freed {size_text(carry_out(plan))}.")
    else:
        print(
            f"Nothing was changed. `paralbench store gc --yes` does the above and frees about "
            f"{size_text(plan.nbytes)}."
        )


def merge(
    folders: Annotated[
        list[Path], typer.Argument(help="Other PARALBENCH_HOMEs, or their features folders.")
    ],
    audio: AudioOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take in the features that other stores have; they are not changed. Repeating it is safe."""
    from paralbench.features.maintenance.merge import merge_store

    bad = False
    for folder in folders:
        source = folder.expanduser().resolve()
        with megabytes_display(f"{folder}") as progress:
            done = merge_store(
                source, paths.home(), audio=audio, dry_run=dry_run, progress=progress
            )
        _tell_damage(done.damaged)
        for path, why in done.refused.items():
            print(f"passed over: {path}: {why}")
        new = ", ".join(f"{rows:,} {name}" for name, rows in done.rows.items() if rows)
        print(
            f"{folder}: {done.spaces} spaces, {'would take' if dry_run else 'taken'}: "
            f"{new or 'nothing'} ({size_text(done.nbytes)}); {done.known:,} rows were here already."
        )
        bad = bad or bool(done.damaged or done.refused)
    if bad:
        raise typer.Exit(1)


def _keys_of(runs: Iterable[Path]) -> set[str]:
    """The spaces that the rows of some runs came from, by the beginning of their keys.

    Raises:
        StoreError: one of the folders holds no run.
    """
    from paralbench.tables import RunFolder

    found: set[str] = set()
    for run in runs:
        found.update(RunFolder(run).read("scores")["features_key"].dropna())
    return found


def _space_row(space: "Space") -> tuple[str, ...]:
    rows = {part.name: part.rows for part in space.parts}
    frames = sum(part.rows for part in space.parts if part.name.startswith("frames/"))
    counts = (rows.get("means", 0), rows.get("moments", 0), frames)
    return (
        space.folder.name[:12],
        space.upstream or "-",
        space.words,
        *(f"{count:,}" if count else "-" for count in counts),
        size_text(space.nbytes),
    )


def _as_data(home: "Home") -> dict[str, Any]:
    spaces = [
        {
            "key": space.folder.name,
            "folder": str(space.folder),
            "upstream": space.upstream,
            "words": space.words,
            "description": space.description,
            "parts": [
                {"name": p.name, "rows": p.rows, "shards": p.shards, "bytes": p.nbytes}
                for p in space.parts
            ],
            "bytes": space.nbytes,
        }
        for space in home.spaces
    ]
    audio = {
        "utterances": home.audio.utterances,
        "hours": home.audio.hours,
        "shards": home.audio.shards,
        "bytes": home.audio.nbytes,
    }
    return {
        "home": str(home.folder),
        "features": spaces,
        "audio": audio,
        "others": dict(home.others),
        "bytes": home.nbytes,
        "free": home.free,
    }


def _damage_data(damage: "Damage") -> dict[str, Any]:
    return {"file": str(damage.path), "why": damage.why, "lost": list(damage.lost)}


def _tell_damage(damaged: Sequence["Damage"]) -> None:
    for one in damaged:
        lost = ""
        if one.lost:
            first = ", ".join(key[:12] for key in one.lost[:3])
            lost = f" {len(one.lost):,} rows: {first}{' ...' if len(one.lost) > 3 else ''}"
        print(f"damaged: {one.path}: {one.why.rstrip('.')}.{lost}")


def _tell(what: str, files: Sequence[Path]) -> None:
    for path in files:
        print(f"{what}: {path}")

"""The entry point: assembles the commands and turns errors into messages and exit codes.

Exit codes: 0 all done, 1 some cells failed, 2 the request itself is wrong.
"""

import sys

import typer

from paralbench.cli import cards, corpora, doctor, rank, report, results, run, store, weights
from paralbench.errors import ParalbenchError

app = typer.Typer(
    name="paralbench",
    help="Benchmark speech foundation models on what a voice says beside its words.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

cards.add_to(app)
corpora.add_to(app)
weights.add_to(app)
doctor.add_to(app)
run.add_to(app)
results.add_to(app)
rank.add_to(app)
report.add_to(app)
store.add_to(app)


def main() -> None:
    """Run the command line; the console script."""
    try:
        app()
    except ParalbenchError as error:
        print(f"paralbench: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(
            "paralbench: interrupted; run the same command again to go on from here.",
            file=sys.stderr,
        )
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has seen enough.
        sys.stderr.close()
        sys.exit(0)

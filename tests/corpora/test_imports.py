"""What listing, locating and fetching corpora may not import."""

from collections.abc import Callable


def test_no_pandas_and_no_torch_before_a_corpus_is_read(run_python: Callable):
    done = run_python(
        "import sys\n"
        "from paralbench.corpora.readers import READERS, check_card\n"
        "from paralbench.corpora.fetch import fetch\n"
        "from paralbench.corpora.locate import locate\n"
        "print(len(READERS.names()))\n"
        "print({'torch', 'pandas', 'soundfile', 'librosa'} & set(sys.modules))"
    )
    readers, imported = done.stdout.splitlines()
    assert int(readers) >= 10
    assert imported == "set()"

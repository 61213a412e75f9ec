"""``python -m paralbench``: the command line."""

from paralbench.cli import main

if __name__ == "__main__":
    main()

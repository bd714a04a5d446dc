"""`python -m dvaudit` is the dvaudit command."""

from dvaudit.cli import main

if __name__ == "__main__":
    main()

"""`python -m juntek`; rule: the same as the command `juntek`."""

from juntek.cli import main

if __name__ == "__main__":
    main()

"""``keyturn`` and ``python -m keyturn``."""

from keyturn.cli.main import main

if __name__ == "__main__":
    main()

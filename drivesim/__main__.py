"""`python -m drivesim`, the command line."""

from drivesim.cli.main import main

if __name__ == "__main__":
    main()

"""`python -m imgsim` does what the `imgsim` command does."""

from imgsim.cli.app import main

if __name__ == "__main__":
    main()

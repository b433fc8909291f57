"""Where the ``riata`` script enters."""
import sys


def main():
    """Run the command line; leaves with the exit code of the command (see `riata.cli.commands`)."""
    try:
        from .commands import app
    except ImportError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in ("typer", "rich"):
            raise
        print(f'riata: the command line needs {missing}: pip install "riata[cli]"', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    app()


if __name__ == "__main__":
    main()

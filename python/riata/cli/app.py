"""Where the ``riata`` script enters."""
import sys


def main():
    """Run the command line; leaves with the exit code of the command (see `riata.cli.commands`)."""
    try:
        from .commands import app
    except ImportError as error:
        if getattr(error, "name", None) not in ("typer", "rich"):
            raise
        print(f'riata: the command line needs {error.name}: pip install "riata[cli]"', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    app()


if __name__ == "__main__":
    main()

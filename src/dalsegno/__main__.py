"""``python -m dalsegno`` is the ``dalsegno`` command."""

from dalsegno.cli import main

if __name__ == "__main__":
    main()

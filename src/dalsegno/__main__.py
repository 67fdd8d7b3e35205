"""``python -m dalsegno`` is ``dalsegno``."""

from dalsegno.cli import main

if __name__ == "__main__":
    main(prog_name="dalsegno")

"""As much of the sqlite3 shell as the pages use, where that program is not installed.

sqlite3 FILE STATEMENT
"""

import contextlib
import sqlite3
import sys

with contextlib.closing(sqlite3.connect(sys.argv[1], isolation_level=None)) as connection:
    for row in connection.execute(sys.argv[2]):
        print(*row, sep="|")

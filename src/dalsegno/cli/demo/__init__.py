"""The demo: a shop whose worker is killed in the middle of its work, and a ledger counted outside the engine.

``command`` has the options, ``play`` what happens, ``crew`` the workers' processes; ``orders``, ``shop``
and ``services`` are the world that it happens in, ``book`` and ``ledger`` what stays of it.
"""

from dalsegno.cli.demo.command import demo

__all__ = ["demo"]

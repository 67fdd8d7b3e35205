"""The same shop without a conductor: five services that react to each other's events, and keep a ledger each.

``shop`` has the events and the services, ``ledgers`` what each service writes down by itself,
``play`` what happens, ``counting`` what came of it; ``worker`` is the process that is killed.
"""

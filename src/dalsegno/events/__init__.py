"""Typed facts on a durable log, and the services that react to them; this floor stands above the engine.

What is declared: ``types``, ``converters`` and ``registry`` (classes of events, and how one version
becomes another), ``service``, ``handlers``, ``contract``, ``declared`` and ``ways`` (what a service
takes and what follows), ``process`` (where a case begins and ends); ``known`` is what one App has of
it; ``aggregate`` and ``projection`` (what is folded from events). How events look
outside: ``envelope``, ``json_mode``, ``http_mode`` and ``outside`` (CloudEvents
1.0). The other rooms put events on the log, read it, and call what was declared.
"""

"""Typed facts on a durable log, and the services that react to them; this floor stands above the engine.

A room is found by its name: ``types`` and ``registry`` (classes of events, and how one version becomes
another), ``envelope``, ``json_mode`` and ``http_mode`` (CloudEvents 1.0), ``service``, ``handlers``,
``reading`` and ``declared`` (what a service takes and emits), ``process`` (where a case begins and ends).
"""

"""Metrics, traces and alerts, with real workers, real requests and real faults."""

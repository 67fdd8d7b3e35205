"""What happens to an order, across services and workers, as spans of OpenTelemetry."""

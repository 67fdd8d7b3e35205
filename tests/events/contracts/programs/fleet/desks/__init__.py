"""The desks of the fleet, each of which has services."""

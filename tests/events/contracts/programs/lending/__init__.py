"""A lender with fifty handlers in several modules: stacked workflows and sagas, joins, events from bodies."""

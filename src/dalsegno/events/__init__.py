"""Events: typed facts on the log, and the services that react to them."""

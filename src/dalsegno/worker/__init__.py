"""A worker's life: its session and heartbeat, claiming due runs, and taking over from the dead."""

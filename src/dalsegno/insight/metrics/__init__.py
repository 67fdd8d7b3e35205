"""What a worker counts, and what it reads of the store when it is asked: in the words of Prometheus."""

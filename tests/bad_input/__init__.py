"""Bad input of every kind, and its named result: catalogue 13-15, 22, 28, 48-53, 60, 64-68, 70-74, 89-91."""

"""The proof of the images: builds all four, looks at each, and runs each for real against a PostgreSQL of this machine.

What is run is what `docker-compose.yml` runs: the same commands, on a root nobody can write to, without capabilities.
"""

"""Proofs that what is deployed works: each is one command that says line by line what it did.

`python -m scripts.proofs.NAME` exits with 1 and a sentence for each thing that is not as promised. Nothing of the
platform imports this.
"""

"""What people decide: the first page, the queue, and one decision from its question to what became of it.

What is said is worked out in `ui/decision/`; here it is drawn and sent. A decision is taken where its evidence stands.
"""

"""The dashboard: where a person sees what needs them, decides, and reads what the agent did.

It speaks HTTP to the API and to nothing else, so authority, audit and idempotency have one home. Pages fetch, draw and
hold buttons; what can be thought without a browser (wording, figures, views of an answer) stands in plain functions.
"""

"""Who comes in, and what may reach a page: signing in, the gate before it, the edge around everything.

Nothing here believes a browser or a header; whether a session is worth anything is for the API to say.
"""

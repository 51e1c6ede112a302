"""PostgreSQL, and what lies beside it: tables, named questions, the artifact store, the vocabulary of states.

May import `config` only. Nothing here thinks, serves or draws. Functions that take a `session` never commit: the edge
that opened the session does.
"""

"""The calls of the dashboard by noun: one small class for each, given the client that asks in somebody's name.

They hang on `ApiClient` as properties. Every call answers in a type or raises `ApiError`.
"""

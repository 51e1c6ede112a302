"""Signing in."""

from datetime import datetime

from pydantic import Field, SecretStr

from api.schemas.common import In, Out, PlainText


class LoginIn(In):
    name: PlainText = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=256)


class Person(Out):
    """Who is signed in, and what they may do."""

    user_id: int
    name: str
    roles: list[str]
    permissions: list[str]
    session_expires_at: datetime


class LoginOut(Out):
    """`token` goes into `Authorization: Bearer …`. It is shown once."""

    token: str
    person: Person

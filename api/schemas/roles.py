"""Roles and who has them."""

from api.schemas.common import Out


class RoleHolders(Out):
    """`people`: names of those who may sign in and have it."""

    role: str
    permissions: list[str]
    people: list[str]


class RoleList(Out):
    roles: list[RoleHolders]

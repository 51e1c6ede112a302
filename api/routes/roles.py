"""Who has which role: whom to ask for what one may not do oneself."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api.dependencies import PersonMay
from api.runtime import runtime_of
from api.schemas.roles import RoleHolders, RoleList
from database.enums import Role
from database.permissions import ALLOWED, Permission
from database.queries import people
from database.queries.people import SignedIn

router = APIRouter(tags=["people"])
Reader = Annotated[SignedIn, Depends(PersonMay(Permission.READ))]


@router.get("/roles", summary="What each role may do, and who has it")
def roles(request: Request, _: Reader) -> RoleList:
    with runtime_of(request).reading() as session:
        active = [user for user in people.list_users(session) if user.disabled_at is None]
    return RoleList(
        roles=[
            RoleHolders(
                role=role,
                permissions=sorted(ALLOWED[role]),
                people=[user.name for user in active if role in user.roles],
            )
            for role in Role
        ]
    )

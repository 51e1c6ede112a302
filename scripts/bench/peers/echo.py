"""The ceiling: a bare Starlette application that sends back what it was sent."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def echo(request: Request) -> Response:
    """The body, unread."""
    return Response(await request.body(), media_type="application/json")


app = Starlette(routes=[Route("/predict", echo, methods=["POST"])])

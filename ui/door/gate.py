"""In front of the pages: a browser without a cookie goes to the door, and every address leads to its page."""

from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse

from ui.door.edge import App, Receive, Scope, Send
from ui.door.visitors import local_path
from ui.session import COOKIE, OPEN_PATHS, SIGN_IN

# The first page's name. Streamlit serves it at `/` alone, and under its name shows "Page not found" before it.
FIRST_PAGE = "/overview"


class Gate:
    """Sends a browser that asks for a page without a cookie to the form, and remembers where it wanted to go."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            target = None
            if self._is_closed_to(scope):
                target = f"{SIGN_IN}?next={quote(local_path(scope['path'] + query), safe='/')}"
            elif scope["path"].rstrip("/") == FIRST_PAGE:
                target = f"/{query}"
            if target is not None:
                await RedirectResponse(target, status_code=303)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    @staticmethod
    def _is_closed_to(scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if scope["path"] in OPEN_PATHS or "/_stcore/" in scope["path"]:
            return False
        asks_for_page = headers.get("sec-fetch-dest") == "document" or "text/html" in headers.get("accept", "")
        return asks_for_page and f"{COOKIE}=" not in headers.get("cookie", "")

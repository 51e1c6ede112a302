"""The dashboard as one ASGI application: Streamlit, and in front of it the edge, the gate and the door."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager

from config.settings import UiSettings
from ui.api_client import ApiClient
from ui.door.door_provider import ProviderDoor
from ui.door.edge import Edge, hosts_of
from ui.door.forms import Door
from ui.door.gate import Gate
from ui.door.reports import Reports

_HERE = Path(__file__).parent


def guarded_options(settings: UiSettings) -> dict[str, object]:
    """Streamlit's own guards, as this installation is served: a second lock behind `Edge`.

    No program drives the app, nobody's word in a header says who looks, and a form without its token is refused.
    """
    return {
        "server.allowedHosts": sorted(hosts_of(settings)),
        "server.corsAllowedOrigins": [settings.public_url] if settings.public_url else [],
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.enableAgentApi": False,
        "server.trustedUserHeaders": {},
    }


def create_app(settings: UiSettings) -> st.App:
    """The application for one API. Streamlit allows one per process."""
    # Until a first run has called `st.navigation`, Streamlit would serve the folder `pages/` by the names of its files:
    # the first deep link after a start would open under a dialog "Page not found".
    PagesManager.uses_pages_directory = False
    client = ApiClient(settings.api_url)
    door = Door(client)
    routes = [*door.routes, *ProviderDoor(client, door, settings.public_url).routes, *Reports(client).routes]
    app = st.App(_HERE / "app.py", routes=routes, middleware=[Middleware(Edge, settings=settings), Middleware(Gate)])
    # After the application, which says where its configuration file is: the first option that is asked for reads it.
    for option, value in guarded_options(settings).items():
        config.set_option(option, value)
    return app

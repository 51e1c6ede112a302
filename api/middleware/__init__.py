"""What happens to every request: pure ASGI classes, outermost first in `api/main.py`. None reads a row's values."""

"""The routes, one file per noun. Each declares who may call it; a route that does not is refused at start."""

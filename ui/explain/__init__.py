"""Where versions come from, and what the agent found, did and left alone."""

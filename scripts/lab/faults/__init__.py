"""The fault suite: worlds that are made, spoilt in known ways, and what the agent makes of them."""

"""The fault suite: worlds that are made, spoilt in known ways, and what the agent makes of them."""

# The bars are meant for so many worlds.
WORLDS_OF_A_BAR = 5

"""What the workflows run: bring images to where they serve and take them back, retrain on a calendar, tell people.

Each is a command of its own (`python -m scripts.delivery.deploy`), so that it can be tried and tested without GitHub.
May import anything below `scripts`; nothing of the platform imports this.
"""

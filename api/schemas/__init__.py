"""The shapes of requests and answers, one file per page of the dashboard or per kind of client.

Answers are frozen and closed; a request with a field nobody declared is refused.
"""

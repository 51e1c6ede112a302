"""`make prove-prometheus`: a real Prometheus with our files scrapes a real platform, and answers all that we ask it."""

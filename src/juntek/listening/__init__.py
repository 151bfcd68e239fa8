"""What the page and the metrics have in common: where to listen, and how to treat who connects; rule: it knows neither.

`address`, `hosts` and `visitors` need no library; `http_server` needs uvicorn.
"""

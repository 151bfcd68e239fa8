"""Grafana dashboards as code; `python -m grafana` writes them into grafana/dashboards, for Grafana to read.

Rule: what a dashboard asks is in `promql`, how it looks in `panels` and `tables`, and one module says what is on it.
"""

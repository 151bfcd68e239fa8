"""Tests of the Grafana dashboards, and what Grafana would ask for them."""

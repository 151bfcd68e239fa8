"""Tests of compose.yaml and what stands beside it; there is no Docker here, so its services run as plain processes."""

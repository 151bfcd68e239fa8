"""The real servers behind the tests: Mosquitto, Home Assistant, engines of time series, and a recorder of messages.

Rule: everything listens on 127.0.0.1 and a free port, is a child process that its starter stops by process
id, and keeps its files in a directory of its own. Nothing here imports juntek: it must be able to find juntek
wrong. `scripts/install-test-servers` brings the servers; without them a test is left out with a sentence, or
fails where JUNTEK_REQUIRE names the server (see `fixtures`).
"""

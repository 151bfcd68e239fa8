"""Where readings go: leaves that know only the vocabulary; rule: found by being here, and no sibling imports another."""

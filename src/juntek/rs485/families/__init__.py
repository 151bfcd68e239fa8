"""The meter families, one file each; rule: rows only, each with its source, and no sibling imports another.

Source tags (KG-man, LD, PO, ...) are explained in docs/protocol.md.
"""

"""The one job: bring one order's documents in line with its events.

`loop` is take → fold → plan → act; `executor` carries one step out, by `customers` and `documents`, around
which `exactly_once` is the protocol.
"""

"""The desk: what people see of the orders, and what they decide about them.

`operations` is the one table of it; console, API and commands are thin faces of that table. Reading is paged;
each action may be repeated, and is written down with the order: who, when, what.
"""

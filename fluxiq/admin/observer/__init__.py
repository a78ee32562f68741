"""The operators' screen: a live tree, a process table and one process in detail, in a terminal.

What is known (model), what is looked at (view) and how it reads (tree, table, detail, screen) are
pure; terminal, feed and app do the I/O.
"""

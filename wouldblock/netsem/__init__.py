"""An older specification of the same sockets, rule by rule: what carries each of its rules here, or what is so instead.

That specification (netsem: TCP, UDP and the sockets API of Linux 2.4, FreeBSD 4.6 and Windows XP, in higher-order
logic) has 195 named rules. Who knows it asks of another model: where is my `connect_5b`? `ledger.py` says what an
answer is, `entries_*.py` have one for each name, `scenes.py` the small programs that show what no table has, `page.py`
makes docs/netsem.md of them. `python -m wouldblock.netsem` writes the page, as does `make diagrams`.

Nothing of it is repeated here but the names. What each is about is said in our words, and as it is on this kernel.

Not here: its tests; the laws that it proves of its own rules.
"""

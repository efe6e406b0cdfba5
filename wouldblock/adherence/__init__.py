"""The adherence ledger: every requirement of the TCP and UDP standards, and what carries it here.

The data are in `docs/adherence/`, one file for each RFC; `ledger.py` reads and checks them, `page.py` makes
`docs/adherence.md` of them. `python -m wouldblock.adherence` writes the page, as does `make diagrams`; tests hold that
it is not stale and that every rule, function and test that an entry names exists.

Not here: the requirements themselves.
"""

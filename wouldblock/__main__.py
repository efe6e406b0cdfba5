"""`python -m wouldblock`, the same as the program `wouldblock`.

Not here: the verbs (cli.py).
"""

from wouldblock.cli import main

if __name__ == "__main__":
    main()

"""The front door: the command line, its reports, and the cross-check behind them.

    cli.py           the verbs and their options; `python -m wouldblock` and the program `wouldblock` begin there
    verbs.py         what each verb does
    front.py         exit statuses, one-sentence errors, the console
    files.py         writing files whole or not at all
    paragraphs.py    indented text and columns for a terminal
    arms.py          opening the model and the kernel
    scenarios.py     scenario files: finding, loading, running on one arm
    sidebyside.py    two runs of one scenario laid side by side and compared
    wording.py       calls and answers as short text, with the API's names for numbers
    output.py        a scenario's calls on the screen
    checking.py      the random check on the screen: progress, tables
    reportfolder.py  report.json, report.md and the diagrams in one folder
    rulebook.py      the rules, filtered, with the kernel's confirmations
    rulelist.py      the rules on the screen
    pictures.py      diagrams as files
    crosscheck/      model against kernel, call by call

Not here: the state machines (model/), the running kernel (realnet/), how a diagram is drawn (diagrams/).
"""

"""The cost of waiting: what five ways to wait take of the processor for the same work, predicted and measured.

- programs.py: the work, and the five ways; sending.py: senders that meet would-block; frames.py: a loop with a beat;
- prediction.py: the programs on the model, counted; measurement.py: on the kernel, counted and timed;
- costs.py: processor time as a sum of what was counted, each thing at its price; the prices are calibrated once;
- report.py: all of it in one run, stored as JSON; page.py and chart.py: what is read and seen of it.

`python -m wouldblock.waitingcost` measures anew and writes docs/waiting.json, docs/waiting.md and
docs/diagrams/waiting.svg; with `--page` it writes the last two from what is stored.
"""

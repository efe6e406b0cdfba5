"""The committed page and chart are made from the committed figures, and those from the programs that there are.

Not here: measuring anew.
"""

from __future__ import annotations

import json
from xml.etree import ElementTree

from wouldblock.waitingcost.__main__ import CHART, PAGE
from wouldblock.waitingcost.chart import chart
from wouldblock.waitingcost.page import page
from wouldblock.waitingcost.programs import WAYS
from wouldblock.waitingcost.report import SIZES, STORED, counts

STORY = json.loads(STORED.read_text(encoding="utf-8"))


def test_page_and_chart_are_made_from_what_is_stored() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(STORY)
    assert CHART.read_text(encoding="utf-8") == chart(STORY)
    ElementTree.fromstring(chart(STORY))


def test_every_way_and_size_was_measured() -> None:
    assert {(each["way"], each["connections"]) for each in STORY["echo"]} == {(way, n) for way in WAYS for n in SIZES}


def test_system_calls_were_as_the_model_foretold_them() -> None:
    """But for the sweep with the most connections, where a round more or less of all of them is a matter of time."""
    foretold = [
        (each["way"], each["connections"])
        for each in STORY["echo"]
        if counts(each["predicted"]).system_calls != counts(each["measured"]).system_calls
    ]
    assert set(foretold) <= {("sweep", max(SIZES))}

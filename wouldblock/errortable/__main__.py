"""Write docs/errors.md anew. With `--kernel`, ask the running kernel first what it says where the model has nothing."""

from __future__ import annotations

import json
import sys

from .page import PAGE, SAID, committed, made_on_model, page, said_by_kernel, timed_on_model

if __name__ == "__main__":
    cells = made_on_model()
    if "--kernel" in sys.argv[1:]:
        SAID.write_text(json.dumps(said_by_kernel(cells), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(cells, timed_on_model(), committed()), encoding="utf-8")

"""Write docs/options.md anew."""

from __future__ import annotations

from .page import PAGE, page
from .probes import made_on_model

if __name__ == "__main__":
    PAGE.write_text(page(made_on_model()), encoding="utf-8")

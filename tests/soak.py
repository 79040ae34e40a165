"""Whether campaigns run in full, as `make soak` wants, or briefly."""

import os

SOAK = bool(os.environ.get("SUMMERWARE_SOAK"))

"""The table of a spread, and the folders that runs have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from csv_tables import write  # noqa: F401

"""The pipeline with spelling and near duplicates, as the dataset files have it."""

import sys
from pathlib import Path

from benchmarks.pipeline import main

if __name__ == "__main__":
    main(Path(sys.argv[1]), suspecting=True)

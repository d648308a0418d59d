"""The notebook's kernel: imports Keras, makes its loaders answer, then is an ordinary ipykernel. Run with -m."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    from autograder.data.answering import answer_keras

    limit = os.environ.get("AUTOGRADER_SAMPLE_LIMIT")
    answer_keras(Path(os.environ["AUTOGRADER_DATA_DIR"]), os.environ.get("AUTOGRADER_ANSWERS"), int(limit) if limit else None)

    from ipykernel.kernelapp import launch_new_instance

    sys.argv[0] = "ipykernel"
    launch_new_instance()


if __name__ == "__main__":
    main()

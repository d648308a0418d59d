"""Memory of the processes that open models and judge: what the submission's slot has, so that all slots together fit into the machine."""

from __future__ import annotations

from autograder.course.settings import Resources

# Keras alone takes half a GiB, and the outputs of one batch a quarter of one (see `model`).
_LEAST_MIB = 1024
_MOST_MIB = 4096


def process_memory_mib(resources: Resources) -> int:
    """For each of the processes B, C and S of a submission, which run one after the other when its notebook has ended."""
    return max(_LEAST_MIB, min(_MOST_MIB, int(resources.memory_gib * 1024)))

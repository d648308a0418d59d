"""`Input`: how the images of a dataset become the input of a handed-in model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Input:
    """Shape of one example, without the batch axis, and range of its values: `Input(shape=(784,), range=(0, 1))`.

    With a range, uint8 images 0…255 are scaled linearly onto it; without one, values go in as they are.
    """

    shape: tuple[int, ...]
    range: tuple[float, float] | None = None

    def prepare(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Images (n, …) as float32 (n, *shape). Raises ValueError when the sizes do not fit (the grader's fault)."""
        import numpy as np

        values = images.astype(np.float32)
        if self.range is not None:
            low, high = self.range
            values = np.float32(low) + values * np.float32((high - low) / 255)
        prepared: NDArray[np.float32] = values.reshape((len(images), *self.shape))
        return prepared

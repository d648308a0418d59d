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

    With a range, uint8 images 0…255 are scaled linearly onto it; without one, values go in as they are. A shape with three sides
    has its channels last, (28, 28, 1); a model that wants them first, (1, 28, 28), gets the same images that way.
    """

    shape: tuple[int, ...]
    range: tuple[float, float] | None = None

    def fits(self, taken: Any) -> bool:
        """Whether a model that takes this shape, without the batch axis, can be given these inputs in one of the two layouts."""
        return _fits(taken, self.shape) or self._channels_first(taken)

    def prepare(self, images: NDArray[Any], taken: Any = None) -> NDArray[np.float32]:
        """Images (n, …) as float32 (n, *shape), or with their channels first where the shape `taken` by a model says so.

        Raises ValueError when the sizes do not fit (the grader's fault).
        """
        import numpy as np

        values = images.astype(np.float32)
        if self.range is not None:
            low, high = self.range
            values = np.float32(low) + values * np.float32((high - low) / 255)
        prepared: NDArray[np.float32] = values.reshape((len(images), *self.shape))
        return np.moveaxis(prepared, -1, 1) if self._channels_first(taken) else prepared

    def _channels_first(self, taken: Any) -> bool:
        """A shape that fits as it is counts as channels last, whatever its sides."""
        return len(self.shape) == 3 and not _fits(taken, self.shape) and _fits(taken, (self.shape[-1], *self.shape[:-1]))


def _fits(taken: Any, shape: tuple[int, ...]) -> bool:
    """The sides are equal; None stands for any."""
    return (
        isinstance(taken, tuple)
        and len(taken) == len(shape)
        and all(have is None or have == want for have, want in zip(taken, shape, strict=True))
    )

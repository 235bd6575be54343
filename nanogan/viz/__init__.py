"""Floor 4: what people would rather look at than read."""

from nanogan.viz.images import image_grid, save_image_grid, save_scatter
from nanogan.viz.summary import summary

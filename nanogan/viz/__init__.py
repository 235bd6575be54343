"""Floor 4: what people would rather look at than read."""

from nanogan.viz.images import cell_boxes, image_grid, save_image_grid
from nanogan.viz.points import save_scatter
from nanogan.viz.curves import save_losses
from nanogan.viz.animation import save_animation
from nanogan.viz.speed import save_scaling, save_speed
from nanogan.viz.scores import save_scores
from nanogan.viz.strip import save_film_strip
from nanogan.viz.summary import summary

"""Floor 5: architectures, training steps, recipes, and the trainer around them."""

from nanogan.gan import networks, objectives, recipes, steps

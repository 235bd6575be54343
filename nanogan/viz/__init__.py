"""Floor 4: what people would rather look at than read."""

from nanogan.viz.summary import summary

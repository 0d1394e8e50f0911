"""From one prompted slice through the others: order, region, cached features, the way."""

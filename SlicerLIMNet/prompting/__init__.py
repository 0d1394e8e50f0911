"""From an image, clicks and a previous mask to a mask: zoom-in, flips and the prompt network."""

"""Multi-round fusion: for every slice the better of the previous and the new mask."""

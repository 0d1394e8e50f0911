"""The effect LIMNet in a browser: trame-slicer's views over the effect's own logic.

Another face over `LIMNetSegmentLib`, which is the same code as in Slicer. `limnet app` starts it.
"""

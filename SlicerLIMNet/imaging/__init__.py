"""Pure functions on arrays: numpy, scipy and OpenCV; no torch, no files."""

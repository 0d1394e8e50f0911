"""Click-based 3D segmentation of CT and MR."""

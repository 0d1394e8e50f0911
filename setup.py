"""Says which packages are installed: the engine, the app with the effect's library, the weights.

Library and weights stand beside the engine in a checkout.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["SlicerLIMNet*", "LIMNetSegmentApp*"]),
        "SlicerLIMNet.Resources",
        "LIMNetSegmentLib",
    ],
    package_dir={
        "SlicerLIMNet.Resources": "Resources",
        "LIMNetSegmentLib": "LIMNetSegment/LIMNetSegmentLib",
    },
)

"""Adds the shipped weights, which stand beside the package in a checkout, to what is installed."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["SlicerLIMNet*"]), "SlicerLIMNet.Resources"],
    package_dir={"SlicerLIMNet.Resources": "Resources"},
)

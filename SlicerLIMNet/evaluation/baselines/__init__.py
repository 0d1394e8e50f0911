"""What a user would pick instead: other tools under the same clicks, for comparison."""

"""Files: volumes, labelmaps, clicks, sessions and manifests; written aside, then renamed."""

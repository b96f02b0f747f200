"""On the build host: from a commit to a release tree."""

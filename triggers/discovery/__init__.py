"""What is in a repository, and what depends on what."""

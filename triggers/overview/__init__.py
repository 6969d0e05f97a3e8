"""One look at a repository: each package and function beside what the registry has of it."""

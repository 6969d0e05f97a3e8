"""How a project is built: backends in shared environments, hooks in forks, the same bytes."""

"""What each client (pip, uv, poetry, pdm, twine) has to be told about a registry, and where."""

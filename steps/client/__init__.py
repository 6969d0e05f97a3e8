"""What each client (pip, uv, poetry, pdm, twine) needs to know of a registry, and where."""

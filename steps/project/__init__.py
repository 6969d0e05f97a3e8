"""What a source tree says: name, version, dependencies, changes."""

"""The manifest shipwheel.yaml, and the layers of its settings."""

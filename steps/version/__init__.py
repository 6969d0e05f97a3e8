"""A project's next version: which it is, where it is written, and who has to follow."""

"""What a project of Google Cloud needs before the first package is published from it."""

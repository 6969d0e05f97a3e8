"""The machine: child processes, git, gcloud, files; and the errors that all rooms raise."""

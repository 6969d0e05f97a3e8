"""The machine: child processes, git, gcloud, files. It imports nothing else but `steps.errors`."""

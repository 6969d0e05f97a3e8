"""The local builder: runs a build config on this machine, as Cloud Build would."""

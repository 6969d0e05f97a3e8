"""The triggers that Cloud Build has: read, compared, changed."""

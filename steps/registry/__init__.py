"""The registry: its address, credentials, certificates, transport and index."""

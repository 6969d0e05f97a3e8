"""The registry: its URL, credentials, transport, index and API."""

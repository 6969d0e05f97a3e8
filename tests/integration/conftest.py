"""Integration tests use real programs, and sockets on loopback only."""

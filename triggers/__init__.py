"""What starts builds: discovery, trigger rendering, lint, explain and live comparison."""

"""Where pipelines run: the command line, the image, the local builder, the registry emulator."""

__version__ = "0.1.0"

"""Where pipelines run: the command line, the image, the local builder, the registry emulator."""

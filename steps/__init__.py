"""What runs inside a build: one step, one module, one public function; and the nouns they share."""

__version__ = "0.1.0"

"""The flags that spell a message."""

from __future__ import annotations

NAMES = (
    "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike "
    "November Oscar Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey Xray Yankee Zulu"
)
FLAGS = {name[0]: name for name in NAMES.split()}


def spell(message: str) -> list[str]:
    """Return the name of the flag for each letter of *message*, which has no other characters."""
    return [FLAGS[letter] for letter in message.upper() if not letter.isspace()]

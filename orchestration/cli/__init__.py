"""The command `summerware`: one module per family of commands, `root` puts them together.

A command reads its arguments, asks a room, and prints; what it prints is made where it is known. No room
imports anything from here.
"""

from orchestration.cli.root import app, main

__all__ = ["app", "main"]

"""Train a tool-use agent on its own mistakes."""

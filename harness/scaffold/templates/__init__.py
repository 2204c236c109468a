"""The plugin packages that `harness new` writes, one module for each kind."""

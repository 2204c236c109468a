"""Conformance checks, one module per kind of plugin or for two that belong together.

In: a plugin's product. Out: nothing, or an ``AssertionError`` that says what the contract demands.
"""

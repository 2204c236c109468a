"""Failures into error patterns: whose fault, what went wrong, what recurs, what has changed.

In: the episodes of an evaluation. Out: diagnoses and error patterns.
"""

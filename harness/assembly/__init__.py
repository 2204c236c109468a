"""From names to products: entry points, the registry, the configuration, a run's components.

In: a configuration and what is installed. Out: the products that a run works with.
"""

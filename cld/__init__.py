"""The vocabulary of the house: identifiers, fields, bodies, datasets, plans, seals, errors and the engine.

Every other room imports from here and none is imported from here.
"""

"""Naober: neighbours pass on each other's word when the power is out."""

__version__ = "0.1.0"

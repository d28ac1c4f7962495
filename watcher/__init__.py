"""modelwatch decides: comparison, triggers, fit arithmetic and wording. See docs/design.md."""

__version__ = "0.1.0"

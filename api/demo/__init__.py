"""The demo: a synthetic England taken through the whole journey."""

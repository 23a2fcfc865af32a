"""Rows: what released rows tell of the people in them, and the least generalisation that makes them safe."""

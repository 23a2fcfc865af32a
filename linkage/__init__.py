"""The linkage room: who is who, by exact steps first and by weighed evidence for the rest."""

"""Files: the doors for anyone's two files, without a house."""

"""The collection room: councils' files are read, checked, traced and accepted; feedback and numbers are given back."""

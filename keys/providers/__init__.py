"""Providers of the root: an encrypted file, custodians' shares, a PKCS#11 token; the rest of the house sees one Protocol."""

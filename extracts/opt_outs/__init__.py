"""The National Data Opt-out: asking who may be in an extract, and holding back who may not."""

"""What is kept: tables, migrations, the journal, and what follows from each leaf."""

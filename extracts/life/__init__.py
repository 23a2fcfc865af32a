"""An application's life, from draft to destroyed: what may happen in each state, pure of any database."""

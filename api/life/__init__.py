"""An application's life over one workspace: its persistence, its people, its days, and what waits for whom."""

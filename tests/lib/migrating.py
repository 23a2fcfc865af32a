"""A workspace's database taken back to an earlier revision, as one that was made then would be."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine


def back_to(database: Engine, revision: str) -> None:
    """Undo every migration after a revision."""
    config = Config()
    config.set_main_option("script_location", str(files("api.store").joinpath("migrations")))
    config.set_main_option("path_separator", "os")
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

"""What deliver.toml says: found, read, checked, and handed on as frozen dataclasses."""

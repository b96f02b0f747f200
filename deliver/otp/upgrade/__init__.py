"""The hot upgrade from one release to another: what is read, what is decided, and the relup that comes of it. Pure."""

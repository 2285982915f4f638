"""Tools that need an environment of their own, each on the course's examples: `make tools` remakes data/tools."""

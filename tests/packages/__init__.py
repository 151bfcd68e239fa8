"""Ways to install juntek, each really done in a Debian of its own."""

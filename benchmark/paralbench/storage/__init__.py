"""Files that survive: atomic writing, safetensors shards, stores of rows found by a sha256 key."""

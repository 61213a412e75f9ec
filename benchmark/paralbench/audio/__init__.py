"""Audio as upstreams take it: decoded to 16 kHz mono, addressed by content, kept once for all."""

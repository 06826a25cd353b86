"""What a run consists of: its method, identity, alignment and device, and where its results come from."""

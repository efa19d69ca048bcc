"""What the operator knows of the world, kept by watches and corrected by lists."""

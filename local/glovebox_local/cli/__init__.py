"""The commands `glovebox local` and `glovebox demo`, plugged into the operator's `glovebox`."""

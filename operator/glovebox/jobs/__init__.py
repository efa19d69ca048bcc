"""What runs inside pods: the delivery of inputs, and the proof of isolation. Programs of their own; they know no engine."""
